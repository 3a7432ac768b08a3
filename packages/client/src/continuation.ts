// Going on with a turn that was cut off: its own request once more, as a new turn, with a word on why it comes again.
// The agent may have taken its conversation up and may have done a part; what is done it sees in the folder.
import { MESSAGE_TEXT_MAX_CHARACTERS, type ThreadRow, type TurnId, type TurnRow } from "@muster/contracts";
import type { MusterClient } from "./client.ts";
import type { NewCommand } from "./dispatch.ts";

const PREFACE =
  "You were interrupted while you worked on the request below. See what is done already, then finish it.\n\n";

/** True for the thread's latest turn when it ended before its work did. */
export const canContinue = (
  turn: Pick<TurnRow, "turnId" | "status">,
  thread: Pick<ThreadRow, "latestTurnId" | "archivedAt">,
): boolean =>
  turn.turnId === thread.latestTurnId &&
  thread.archivedAt === null &&
  (turn.status === "interrupted" || turn.status === "error");

/** The text that goes on with it; a request too long for the preface, or one that has it, goes as it is. */
export const continuationText = (text: string): string =>
  text.startsWith(PREFACE) || PREFACE.length + text.length > MESSAGE_TEXT_MAX_CHARACTERS ? text : PREFACE + text;

/** The command that goes on with the turn, with the same attachments, model and effort. Throws `message_not_found`. */
export async function continuationOf(client: MusterClient, turn: TurnRow): Promise<NewCommand & { turnId: TurnId }> {
  const { threadId, userMessageId, model, effort } = turn;
  const { text, attachments } = await client.api.orchestration.getMessage({ threadId, messageId: userMessageId });
  return {
    type: "thread.turn.start",
    threadId,
    turnId: client.ids.next() as TurnId,
    message: { messageId: client.ids.next(), role: "user", text: continuationText(text), attachments },
    ...(model === null ? {} : { model }),
    ...(isEffort(effort) ? { effort } : {}),
    whenBusy: "reject",
  };
}

const isEffort = (effort: string | null): effort is "low" | "medium" | "high" =>
  effort === "low" || effort === "medium" || effort === "high";
