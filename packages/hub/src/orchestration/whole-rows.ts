// Messages and activities one by one and whole: what a thread's window shows cut, because it would be too large, is
// read here by its id.
import type { ActivityRow, EventId, MessageId, MessageRow, ThreadId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { select, text } from "@muster/store";
import type { Caller } from "../ports.ts";
import { HUB_TABLES, ofThread } from "../schema/index.ts";
import { fromSql } from "./columns.ts";
import type { ReadParts } from "./reads.ts";

const messageOf = select({
  request: { ...ofThread, messageId: text<MessageId>() },
  row: HUB_TABLES.projection_thread_messages,
  sql: `SELECT * FROM projection_thread_messages
    WHERE space_id = :spaceId AND message_id = :messageId AND thread_id = :threadId`,
});

const activityOf = select({
  request: { ...ofThread, activityId: text<EventId>() },
  row: HUB_TABLES.projection_thread_activities,
  sql: `SELECT * FROM projection_thread_activities
    WHERE space_id = :spaceId AND activity_id = :activityId AND thread_id = :threadId`,
});

export async function getMessage(
  { store, visibility }: ReadParts,
  caller: Caller,
  { threadId, messageId }: { threadId: ThreadId; messageId: MessageId },
): Promise<MessageRow> {
  if (!(await visibility.canSeeThread(caller, threadId))) throw new MusterError("thread_not_found");
  const [row] = await store.read(messageOf(store.dialect, { spaceId: caller.spaceId, threadId, messageId }));
  if (row === undefined) throw new MusterError("message_not_found");
  return fromSql("projection_thread_messages", row);
}

export async function getActivity(
  { store, visibility }: ReadParts,
  caller: Caller,
  { threadId, activityId }: { threadId: ThreadId; activityId: EventId },
): Promise<ActivityRow> {
  if (!(await visibility.canSeeThread(caller, threadId))) throw new MusterError("thread_not_found");
  const [row] = await store.read(activityOf(store.dialect, { spaceId: caller.spaceId, threadId, activityId }));
  if (row === undefined) throw new MusterError("activity_not_found");
  return fromSql("projection_thread_activities", row);
}
