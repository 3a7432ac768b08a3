// One batch of retention as data: what it rewrites in the log, and the same in the rows made from it, so that rows and
// log agree at every commit. Reads alone; whoever asked for it commits it, or only counts.
import type { MusterEvent, WireEvent } from "@muster/contracts";
import { openedApproval, prunedActivity, stubOf } from "@muster/core";
import type { SqlValue, Statement, Store } from "@muster/store";
import { knownEvent } from "./event-log.ts";
import { query } from "./placeholders.ts";
import {
  checkpointEvents,
  eventsBySequence,
  eventsPage,
  keptPlans,
  type LogRow,
  metaUpdates,
  type RetentionParts,
  type RetentionThread,
} from "./retention-queries.ts";

export interface RetentionBatch {
  readonly statements: readonly Statement[];
  readonly events: number;
  /** Bytes less in rows and log together. */
  readonly bytes: number;
  /** Everything up to this sequence has been looked at; the thread's end when there is no more. */
  readonly through: number;
}

/** What both kinds of batches are made with. */
class Gathering {
  readonly statements: Statement[] = [];
  events = 0;
  bytes = 0;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  run(sql: string, ...parameters: SqlValue[]): void {
    this.statements.push(query(this.#store.dialect, sql, ...parameters));
  }

  rewrite({ event, bytes }: LogRow, payload: object): void {
    const text = JSON.stringify(payload);
    this.run(
      "UPDATE orchestration_events SET event_type = ?, schema_version = ?, payload_json = ? WHERE sequence = ?",
      event.eventType,
      event.schemaVersion,
      text,
      event.sequence,
    );
    this.events += 1;
    this.bytes += bytes - Buffer.byteLength(text);
  }

  /** Bytes of those rows by their id, of rows that are there. */
  async sizes(sql: string, ids: readonly SqlValue[], ...before: SqlValue[]): Promise<ReadonlyMap<string, number>> {
    if (ids.length === 0) return new Map();
    const text = `${sql} IN (${ids.map(() => "?").join(", ")})`;
    const rows = await this.#store.read(query(this.#store.dialect, text, ...before, ...ids));
    return new Map(rows.map((row) => [String(row["id"]), Number(row["bytes"])]));
  }

  toBatch(through: number): RetentionBatch {
    const { statements, events, bytes } = this;
    return { statements, events, bytes, through };
  }
}

const ACTIVITY_SIZES =
  "SELECT activity_id AS id, octet_length(payload_json) AS bytes FROM projection_thread_activities WHERE space_id = ? AND activity_id";
const APPROVAL_SIZES =
  "SELECT request_id AS id, octet_length(payload_json) AS bytes FROM projection_pending_approvals WHERE space_id = ? AND thread_id = ? AND request_id";
const MESSAGE_SIZES = `SELECT message_id AS id, octet_length(text) + octet_length(attachments_json) AS bytes
  FROM projection_thread_messages WHERE space_id = ? AND thread_id = ? AND message_id`;
const CHECKPOINT_SIZES = `SELECT checkpoint_turn_count AS id, octet_length(files_json) AS bytes
  FROM projection_checkpoints WHERE space_id = ? AND thread_id = ? AND checkpoint_turn_count`;

/** The question that an activity opened, while its row is there: the two come and go together. */
const questionOf = (event: MusterEvent | null, activities: ReadonlyMap<string, number>): string | null =>
  event?.eventType === "thread.activity-appended" && activities.has(event.eventId)
    ? (openedApproval(event.payload)?.requestId ?? null)
    : null;

/** The next details of an archived thread to go. */
export async function archivedBatch(
  parts: RetentionParts,
  thread: RetentionThread,
  after: number,
): Promise<RetentionBatch> {
  const { store } = parts;
  const gathering = new Gathering(store);
  const rows = await eventsPage(parts, thread, after, "thread.activity-appended");
  const last = rows.at(-1);
  if (last === undefined) return gathering.toBatch(thread.end);
  const plans = await keptPlans(store, thread);
  const changes: { readonly row: LogRow; readonly known: MusterEvent; readonly pruned: WireEvent["payload"] }[] = [];
  for (const row of rows) {
    const known = knownEvent(row.event);
    const pruned = known === null || plans.has(known.eventId) ? null : prunedActivity(row.event.payload);
    if (known !== null && pruned !== null) changes.push({ row, known, pruned });
  }
  const { spaceId, threadId } = thread;
  const ids = changes.map(({ known }) => known.eventId);
  const activities = await gathering.sizes(ACTIVITY_SIZES, ids, spaceId);
  const questions = changes.flatMap(({ known }) => questionOf(known, activities) ?? []);
  const approvals = await gathering.sizes(APPROVAL_SIZES, questions, spaceId, threadId);
  for (const { row, known, pruned } of changes) {
    gathering.rewrite(row, pruned);
    const details = JSON.stringify(pruned["payload"]);
    const shrink = (before: number | undefined): void => {
      if (before !== undefined) gathering.bytes += before - Buffer.byteLength(details);
    };
    shrink(activities.get(known.eventId));
    gathering.run(
      "UPDATE projection_thread_activities SET payload_json = ? WHERE space_id = ? AND activity_id = ?",
      details,
      spaceId,
      known.eventId,
    );
    const question = questionOf(known, activities);
    if (question === null) continue;
    shrink(approvals.get(question));
    gathering.run(
      "UPDATE projection_pending_approvals SET payload_json = ? WHERE space_id = ? AND thread_id = ? AND request_id = ?",
      details,
      spaceId,
      threadId,
      question,
    );
  }
  return gathering.toBatch(last.event.sequence);
}

/** The next events of a removed thread that become stubs. Oldest first, so that whatever changes a row finds it gone. */
export async function removedBatch(
  parts: RetentionParts,
  thread: RetentionThread,
  after: number,
): Promise<RetentionBatch> {
  const { store } = parts;
  const gathering = new Gathering(store);
  const rows = await eventsPage(parts, thread, after);
  const last = rows.at(-1);
  if (last === undefined) return gathering.toBatch(thread.end);
  const { spaceId, threadId } = thread;
  const stubbed: { readonly event: WireEvent; readonly known: MusterEvent | null }[] = [];
  for (const row of await withCompanions(parts, thread, rows)) {
    const { event, stored } = row;
    // Only undecodable text is told apart by its bytes; a payload of ours was parsed as it stands.
    const stub = stubOf(event.eventType, event.payload["undecodable"] === true ? null : event.payload, stored);
    if (stub === null) continue;
    gathering.rewrite(row, stub);
    stubbed.push({ event, known: knownEvent(event) });
  }
  const of = <Type extends MusterEvent["eventType"]>(type: Type) =>
    stubbed.flatMap(({ known }) =>
      known?.eventType === type ? [known as Extract<MusterEvent, { eventType: Type }>] : [],
    );
  if (of("thread.created").length > 0) await removeHead(store, thread, gathering);
  const appended = of("thread.activity-appended");
  const activities = await gathering.sizes(
    ACTIVITY_SIZES.replace("octet_length(payload_json)", "octet_length(payload_json) + octet_length(summary)"),
    appended.map(({ eventId }) => eventId),
    spaceId,
  );
  const questions = appended.flatMap((event) => questionOf(event, activities) ?? []);
  const messageIds = of("thread.message-sent").flatMap(({ payload }) =>
    payload.offset === 0 ? [payload.messageId] : [],
  );
  const turnCounts = [...new Set(of("thread.turn-diff-completed").map(({ payload }) => payload.turnCount))];
  const removed = [
    ["projection_pending_approvals", "request_id", await gathering.sizes(APPROVAL_SIZES, questions, spaceId, threadId)],
    ["projection_thread_activities", "activity_id", activities],
    ["projection_thread_messages", "message_id", await gathering.sizes(MESSAGE_SIZES, messageIds, spaceId, threadId)],
    [
      "projection_checkpoints",
      "checkpoint_turn_count",
      await gathering.sizes(CHECKPOINT_SIZES, turnCounts, spaceId, threadId),
    ],
  ] as const;
  for (const [table, column, sizes] of removed) {
    for (const [id, bytes] of sizes) {
      gathering.bytes += bytes;
      const value = column === "checkpoint_turn_count" ? Number(id) : id;
      gathering.run(
        `DELETE FROM ${table} WHERE space_id = ? AND thread_id = ? AND ${column} = ?`,
        spaceId,
        threadId,
        value,
      );
    }
  }
  return gathering.toBatch(last.event.sequence);
}

/**
 * Events that several of make one row go together: with the creation all later titles, with the first checkpoint of a
 * turn count all others of it. Each is taken with the first of them, and passed where it stands itself.
 */
async function withCompanions(
  parts: RetentionParts,
  thread: RetentionThread,
  rows: readonly LogRow[],
): Promise<LogRow[]> {
  const { store } = parts;
  const hasCheckpoints = rows.some(({ event }) => event.eventType === "thread.turn-diff-completed");
  const groups = hasCheckpoints ? [...(await checkpointEvents(store, thread)).values()] : [];
  const followers = new Map(groups.map(([first, ...others]) => [first, others]));
  const own: LogRow[] = [];
  const companions: number[] = [];
  for (const row of rows) {
    const { eventType, sequence } = row.event;
    if (eventType === "thread.meta-updated") continue;
    if (eventType === "thread.turn-diff-completed" && !followers.has(sequence)) continue;
    own.push(row);
    if (eventType === "thread.created") companions.push(...(await metaUpdates(store, thread)));
    companions.push(...(followers.get(sequence) ?? []));
  }
  return [...own, ...(await eventsBySequence(parts, companions))];
}

/** The thread's own rows: its place and its state stay, so that its id is refused and its stubs have readers. */
async function removeHead(store: Store, { spaceId, threadId }: RetentionThread, gathering: Gathering): Promise<void> {
  const [row] = await store.read(
    query(
      store.dialect,
      `SELECT octet_length(t.title) + octet_length(coalesce(t.model, '')) + octet_length(coalesce(t.branch, ''))
         + octet_length(coalesce(t.worktree_path, '')) + octet_length(coalesce(s.last_error, '')) AS bytes
       FROM projection_threads t LEFT JOIN projection_thread_sessions s ON s.space_id = t.space_id AND s.thread_id = t.thread_id
       WHERE t.space_id = ? AND t.thread_id = ?`,
      spaceId,
      threadId,
    ),
  );
  gathering.bytes += Number(row?.["bytes"] ?? 0);
  gathering.run(
    "UPDATE projection_threads SET title = '', model = NULL, branch = NULL, worktree_path = NULL WHERE space_id = ? AND thread_id = ?",
    spaceId,
    threadId,
  );
  gathering.run("DELETE FROM projection_thread_sessions WHERE space_id = ? AND thread_id = ?", spaceId, threadId);
  // Whatever still waited for a machine that was away has lost its place to act in; that the agent stops has not. It
  // counts as ended when it was asked for, so that this run takes its row too, as a dry run says.
  gathering.run(
    `UPDATE orchestration_effects SET status = 'cancelled', lease_owner = NULL, lease_expires_at = NULL,
       available_at = created_at, updated_at = created_at
     WHERE space_id = ? AND thread_id = ? AND status IN ('pending', 'running') AND kind <> 'node.session.stop'`,
    spaceId,
    threadId,
  );
}
