// What a person wrote, as the content blocks of a prompt.
import type { ContentBlock } from "@agentclientprotocol/sdk";
import type { Prompt, PromptAttachment } from "../provider.ts";

/** A fence longer than any run of backticks inside, so that the attachment can't end it. */
const fenced = (attachment: PromptAttachment): string => {
  const longest = Math.max(2, ...[...attachment.text.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = "`".repeat(longest + 1);
  return `Attached file ${attachment.name} (${attachment.mediaType}):\n${fence}\n${attachment.text}\n${fence}`;
};

/** Preamble first, then attachments, then the request itself: agents weigh the end most. Never empty. */
export const promptBlocks = (prompt: Prompt, takesResources: boolean): ContentBlock[] => [
  ...(prompt.preamble === undefined || prompt.preamble === ""
    ? []
    : [{ type: "text" as const, text: prompt.preamble }]),
  ...(prompt.attachments ?? []).map(
    (attachment): ContentBlock =>
      takesResources
        ? {
            type: "resource",
            resource: {
              uri: `attachment:${encodeURIComponent(attachment.name)}`,
              mimeType: attachment.mediaType,
              text: attachment.text,
            },
          }
        : { type: "text", text: fenced(attachment) },
  ),
  { type: "text" as const, text: prompt.text },
];
