// Messages and activities one by one and whole: what a thread's window shows cut, because it would be too large, is
// read here by its id.
import type { ActivityRow, EventId, MessageId, MessageRow, ThreadId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import type { Caller } from "../ports.ts";
import { fromSql } from "./columns.ts";
import { query } from "./placeholders.ts";
import type { ReadParts } from "./reads.ts";

export async function getMessage(
  { store, visibility }: ReadParts,
  caller: Caller,
  { threadId, messageId }: { threadId: ThreadId; messageId: MessageId },
): Promise<MessageRow> {
  if (!(await visibility.canSeeThread(caller, threadId))) throw new MusterError("thread_not_found");
  const sql = "SELECT * FROM projection_thread_messages WHERE space_id = ? AND message_id = ? AND thread_id = ?";
  const [row] = await store.read(query(store.dialect, sql, caller.spaceId, messageId, threadId));
  if (row === undefined) throw new MusterError("message_not_found");
  return fromSql("projection_thread_messages", row);
}

export async function getActivity(
  { store, visibility }: ReadParts,
  caller: Caller,
  { threadId, activityId }: { threadId: ThreadId; activityId: EventId },
): Promise<ActivityRow> {
  if (!(await visibility.canSeeThread(caller, threadId))) throw new MusterError("thread_not_found");
  const sql = "SELECT * FROM projection_thread_activities WHERE space_id = ? AND activity_id = ? AND thread_id = ?";
  const [row] = await store.read(query(store.dialect, sql, caller.spaceId, activityId, threadId));
  if (row === undefined) throw new MusterError("activity_not_found");
  return fromSql("projection_thread_activities", row);
}
