// What people and agents say.
import type { MessageRow } from "@muster/contracts";
import { IconPaperclip } from "@tabler/icons-react";
import { useMessageText } from "../application/muster.tsx";
import { Markdown } from "../markdown/markdown.tsx";
import classes from "./messages.module.css";

export function UserMessage({ message }: { message: MessageRow }) {
  return (
    <article className={classes["user"]} aria-label="Your message" data-testid="message-user">
      <div className={classes["bubble"]}>
        {message.text}
        {message.attachments.map((attachment) => (
          <span key={attachment.name} className={classes["attachment"]}>
            <IconPaperclip size={14} aria-hidden="true" /> {attachment.name}
          </span>
        ))}
      </div>
    </article>
  );
}

export function AssistantMessage({ message }: { message: MessageRow }) {
  const text = useMessageText(message);
  return (
    <article
      className={classes["assistant"]}
      aria-label="The agent's message"
      data-testid="message-assistant"
      data-streaming={message.isStreaming}
      aria-busy={message.isStreaming}
    >
      <Markdown text={text} isStreaming={message.isStreaming} />
    </article>
  );
}
