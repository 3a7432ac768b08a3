// What retention asks the database: which threads have something to lose, how far each was pruned, and their events,
// diffs and receipts in pages. Bounded by rows and bytes there, so that no thread is too long.
import type { SpaceId, ThreadId, WireEvent } from "@muster/contracts";
import type { Guard, Query, Row, Store } from "@muster/store";
import type { EventRow } from "./event-log.ts";
import type { ReadEvent } from "./event-reader.ts";
import { query } from "./placeholders.ts";
import { type EffectCutoffs, STILL_WANTED } from "./retention-effects.ts";

export interface RetentionLimits {
  /** Of one commit: a few milliseconds under the append lock, with the rows that change along. */
  readonly eventsMax: number;
  /** Payload bytes of one commit; one event that is larger goes alone. */
  readonly bytesMax: number;
  /** Of one commit: at 2 MiB each they are many free pages. */
  readonly diffsMax: number;
  /** Of one commit. */
  readonly receiptsMax: number;
  /** Of one commit. */
  readonly effectsMax: number;
  /** Of one call: about a second of work, so that whoever waits sees it go on. */
  readonly batchesPerCallMax: number;
}

export const RETENTION_LIMITS: RetentionLimits = {
  eventsMax: 200,
  bytesMax: 1024 * 1024,
  diffsMax: 32,
  receiptsMax: 200,
  effectsMax: 200,
  batchesPerCallMax: 32,
};
const THREADS_PAGE = 50;
/** In one question for events by their sequences. */
const SEQUENCES_MAX = 500;

export interface RetentionParts {
  readonly store: Store;
  readonly readEvent: ReadEvent;
  readonly limits: RetentionLimits;
}

/** Whose threads: of everybody, or of the sessions that somebody owns. */
export type RetentionScope = { readonly spaceId: SpaceId; readonly sessionIds: readonly string[] } | "everything";

export interface Cutoffs {
  /** Details of archived threads older than this go. "" takes none. */
  readonly archived: string;
  /** Threads deleted before this become stubs. */
  readonly removed: string;
  readonly archivedReceipts: string;
  readonly removedReceipts: string;
  readonly effects: EffectCutoffs;
}

export interface Candidate {
  readonly spaceId: SpaceId;
  readonly threadId: ThreadId;
}

/** A thread as one read transaction found it, with what must still be so when something of it is taken away. */
export interface RetentionThread extends Candidate {
  readonly isRemoved: boolean;
  readonly prunedThrough: number;
  readonly stubbedThrough: number;
  /** Everything up to here is old enough. */
  readonly end: number;
  readonly cutoff: string;
  readonly receiptCutoff: string;
  readonly hasUnfinishedEffects: boolean;
  readonly guards: readonly Guard[];
}

const UNFINISHED_EFFECTS = `SELECT 1 AS one FROM orchestration_effects f
  WHERE f.space_id = ? AND f.thread_id = ? AND ${STILL_WANTED} LIMIT 1`;
const THREAD_STATE = "SELECT archived_at, deleted_at FROM projection_threads WHERE space_id = ? AND thread_id = ?";
const MARK = "SELECT pruned_through, stubbed_through FROM thread_retention WHERE space_id = ? AND thread_id = ?";
const VERSION =
  "SELECT coalesce(max(stream_version), 0) AS version FROM orchestration_events WHERE space_id = ? AND aggregate_kind = 'thread' AND stream_id = ?";

/** Threads that are old enough and have anything left to take, in the order of their keys, after or from one of them. */
export async function candidates(
  store: Store,
  scope: RetentionScope,
  cutoffs: Cutoffs,
  from: { readonly spaceId: string; readonly threadId: string; readonly isIncluded: boolean },
): Promise<Candidate[]> {
  const isRemoved = "t.deleted_at IS NOT NULL";
  const within =
    scope === "everything"
      ? ""
      : `AND t.space_id = ? AND EXISTS (SELECT 1 FROM projection_projects p WHERE p.space_id = t.space_id AND p.project_id = t.project_id
           AND p.session_id IN (${scope.sessionIds.map(() => "?").join(", ") || "NULL"}))`;
  const rows = await store.read(
    query(
      store.dialect,
      `SELECT t.space_id, t.thread_id FROM projection_threads t
       LEFT JOIN thread_retention r ON r.space_id = t.space_id AND r.thread_id = t.thread_id
       WHERE (t.space_id > ? OR (t.space_id = ? AND t.thread_id ${from.isIncluded ? ">=" : ">"} ?))
         AND ((t.deleted_at IS NULL AND t.archived_at < ?) OR t.deleted_at < ?) ${within}
         AND (EXISTS (SELECT 1 FROM orchestration_events e WHERE e.space_id = t.space_id AND e.aggregate_kind = 'thread'
             AND e.stream_id = t.thread_id AND e.occurred_at < CASE WHEN ${isRemoved} THEN ? ELSE ? END
             AND e.sequence > coalesce(CASE WHEN ${isRemoved} THEN r.stubbed_through ELSE r.pruned_through END, 0))
           OR EXISTS (SELECT 1 FROM checkpoint_diff_blobs d WHERE d.space_id = t.space_id AND d.thread_id = t.thread_id
             AND d.created_at < CASE WHEN ${isRemoved} THEN ? ELSE ? END)
           OR (EXISTS (SELECT 1 FROM orchestration_command_receipts c WHERE c.space_id = t.space_id AND c.aggregate_kind = 'thread'
               AND c.aggregate_id = t.thread_id AND c.accepted_at < CASE WHEN ${isRemoved} THEN ? ELSE ? END)
             AND NOT EXISTS (SELECT 1 FROM orchestration_effects f WHERE f.space_id = t.space_id AND f.thread_id = t.thread_id
               AND ${STILL_WANTED})))
       ORDER BY t.space_id, t.thread_id LIMIT ${THREADS_PAGE}`,
      from.spaceId,
      from.spaceId,
      from.threadId,
      cutoffs.archived,
      cutoffs.removed,
      ...(scope === "everything" ? [] : [scope.spaceId, ...scope.sessionIds]),
      cutoffs.removed,
      cutoffs.archived,
      cutoffs.removed,
      cutoffs.archived,
      cutoffs.removedReceipts,
      cutoffs.archivedReceipts,
      cutoffs.effects.waiting,
    ),
  );
  return rows.map((row) => ({ spaceId: row["space_id"] as SpaceId, threadId: row["thread_id"] as ThreadId }));
}

/** The thread as it stands, or null where it no longer is one to prune: unarchived, or deleted only now. */
export async function readThread(
  store: Store,
  { spaceId, threadId }: Candidate,
  cutoffs: Cutoffs,
): Promise<RetentionThread | null> {
  const of = (sql: string, ...more: string[]): Query => query(store.dialect, sql, spaceId, threadId, ...more);
  const queries = [of(THREAD_STATE), of(MARK), of(VERSION)] as const;
  const [state, mark, version, effects] = await store.readTransaction([
    ...queries,
    of(UNFINISHED_EFFECTS, cutoffs.effects.waiting),
  ]);
  const row = state?.[0];
  if (row === undefined) return null;
  const isRemoved = row["deleted_at"] !== null;
  const since = (isRemoved ? row["deleted_at"] : row["archived_at"]) as string | null;
  const cutoff = isRemoved ? cutoffs.removed : cutoffs.archived;
  if (since === null || since >= cutoff) return null;
  const prunedThrough = Number(mark?.[0]?.["pruned_through"] ?? 0);
  const stubbedThrough = Number(mark?.[0]?.["stubbed_through"] ?? 0);
  const ends = await store.read(
    query(
      store.dialect,
      `SELECT coalesce((SELECT min(sequence) - 1 FROM orchestration_events WHERE space_id = ? AND aggregate_kind = 'thread'
           AND stream_id = ? AND sequence > ? AND occurred_at >= ?),
         (SELECT max(sequence) FROM orchestration_events WHERE space_id = ? AND aggregate_kind = 'thread' AND stream_id = ?), 0) AS sequence`,
      spaceId,
      threadId,
      isRemoved ? stubbedThrough : prunedThrough,
      cutoff,
      spaceId,
      threadId,
    ),
  );
  return {
    spaceId,
    threadId,
    isRemoved,
    prunedThrough,
    stubbedThrough,
    end: Number(ends[0]?.["sequence"] ?? 0),
    cutoff,
    receiptCutoff: isRemoved ? cutoffs.removedReceipts : cutoffs.archivedReceipts,
    hasUnfinishedEffects: (effects ?? []).length > 0,
    guards: [state, mark, version].map((expected, index) => ({
      query: queries[index] as Query,
      expected: expected ?? [],
    })),
  };
}

/** Proof that no effect of the thread that anybody still wants waits or is on its way. */
export const noUnfinishedEffects = (store: Store, { spaceId, threadId }: Candidate, cutoffs: Cutoffs): Guard => ({
  query: query(store.dialect, UNFINISHED_EFFECTS, spaceId, threadId, cutoffs.effects.waiting),
  expected: [],
});

export interface LogRow {
  /** As readers read it: where an upcaster was at work, what is left of it is stored in the shape of today. */
  readonly event: WireEvent;
  /** The payload as it is stored. */
  readonly stored: string;
  readonly bytes: number;
}

const logRowOf = (readEvent: ReadEvent, row: Row): LogRow => ({
  event: readEvent(row as EventRow),
  stored: String(row["payload_json"]),
  bytes: Number(row["bytes"]),
});

/** The thread's next events after a sequence, of one type or of all, at most so many and so large. */
export async function eventsPage(
  { store, readEvent, limits }: RetentionParts,
  { spaceId, threadId, end }: Pick<RetentionThread, "spaceId" | "threadId" | "end">,
  after: number,
  eventType?: string,
): Promise<LogRow[]> {
  const page = `SELECT *, octet_length(payload_json) AS bytes FROM orchestration_events WHERE space_id = ? AND aggregate_kind = 'thread'
    AND stream_id = ? AND sequence > ? AND sequence <= ?${eventType === undefined ? "" : " AND event_type = ?"} ORDER BY sequence LIMIT ${limits.eventsMax}`;
  const sized = `SELECT *, sum(bytes) OVER (ORDER BY sequence) - bytes AS read_before FROM (${page}) AS page`;
  const rows = await store.read(
    query(
      store.dialect,
      `SELECT * FROM (${sized}) AS sized WHERE read_before < ${limits.bytesMax} ORDER BY sequence`,
      spaceId,
      threadId,
      after,
      end,
      ...(eventType === undefined ? [] : [eventType]),
    ),
  );
  return rows.map((row) => logRowOf(readEvent, row));
}

/** Events by their sequences, however many. */
export async function eventsBySequence(
  { store, readEvent }: RetentionParts,
  sequences: readonly number[],
): Promise<LogRow[]> {
  const events: LogRow[] = [];
  for (let start = 0; start < sequences.length; start += SEQUENCES_MAX) {
    const some = sequences.slice(start, start + SEQUENCES_MAX);
    const sql = `SELECT *, octet_length(payload_json) AS bytes FROM orchestration_events WHERE sequence IN (${some.map(() => "?").join(", ")}) ORDER BY sequence`;
    const rows = await store.read(query(store.dialect, sql, ...some));
    events.push(...rows.map((row) => logRowOf(readEvent, row)));
  }
  return events;
}

/** Sequences of the thread's changes of title and the like. */
export async function metaUpdates(store: Store, { spaceId, threadId }: Candidate): Promise<number[]> {
  const rows = await store.read(
    query(
      store.dialect,
      `SELECT sequence FROM orchestration_events WHERE space_id = ? AND aggregate_kind = 'thread' AND stream_id = ?
       AND event_type = 'thread.meta-updated' ORDER BY sequence`,
      spaceId,
      threadId,
    ),
  );
  return rows.map((row) => Number(row["sequence"]));
}

/** Checkpoints of the thread that are no stubs yet: sequences by turn count, because the newest of a count makes its row. */
export async function checkpointEvents(
  store: Store,
  { spaceId, threadId }: Candidate,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const turnCount =
    store.dialect === "sqlite"
      ? "CASE WHEN json_valid(payload_json) THEN json_extract(payload_json, '$.turnCount') END"
      : `substring(payload_json, '"turnCount":([0-9]+)')`;
  const rows = await store.read(
    query(
      store.dialect,
      `SELECT sequence, ${turnCount} AS turn_count FROM orchestration_events WHERE space_id = ? AND aggregate_kind = 'thread' AND stream_id = ?
       AND event_type = 'thread.turn-diff-completed' AND payload_json NOT LIKE '{"pruned":true,%' ORDER BY sequence`,
      spaceId,
      threadId,
    ),
  );
  const groups = new Map<string, number[]>();
  for (const row of rows) {
    const sequence = Number(row["sequence"]);
    const count = row["turn_count"] === null ? `event ${sequence}` : String(row["turn_count"]);
    const group = groups.get(count);
    if (group === undefined) groups.set(count, [sequence]);
    else group.push(sequence);
  }
  return groups;
}

/** The newest plan of each turn, which keeps its entries: a thread is hard to read without. */
export async function keptPlans(store: Store, { spaceId, threadId }: Candidate): Promise<ReadonlySet<string>> {
  const rows = await store.read(
    query(
      store.dialect,
      `SELECT activity_id FROM (SELECT activity_id, row_number() OVER (PARTITION BY turn_id ORDER BY created_at DESC, activity_id DESC) AS place
         FROM projection_thread_activities WHERE space_id = ? AND thread_id = ? AND kind = 'plan.updated') AS plans WHERE place = 1`,
      spaceId,
      threadId,
    ),
  );
  return new Set(rows.map((row) => String(row["activity_id"])));
}

export async function diffsPage(
  { store, limits }: RetentionParts,
  { spaceId, threadId, cutoff }: RetentionThread,
  after: readonly [number, number],
): Promise<readonly Row[]> {
  return store.read(
    query(
      store.dialect,
      `SELECT from_turn_count, to_turn_count, octet_length(diff) AS bytes FROM checkpoint_diff_blobs
       WHERE space_id = ? AND thread_id = ? AND created_at < ? AND (from_turn_count > ? OR (from_turn_count = ? AND to_turn_count > ?))
       ORDER BY from_turn_count, to_turn_count LIMIT ${limits.diffsMax}`,
      spaceId,
      threadId,
      cutoff,
      after[0],
      after[0],
      after[1],
    ),
  );
}

export async function receiptsPage(
  { store, limits }: RetentionParts,
  { spaceId, threadId, receiptCutoff }: RetentionThread,
  after: string,
): Promise<readonly Row[]> {
  return store.read(
    query(
      store.dialect,
      `SELECT command_id, octet_length(command_id) + octet_length(command_type) + octet_length(request_fingerprint)
         + octet_length(accepted_at) + octet_length(coalesce(error_json, '')) AS bytes
       FROM orchestration_command_receipts WHERE space_id = ? AND aggregate_kind = 'thread' AND aggregate_id = ?
       AND accepted_at < ? AND command_id > ? ORDER BY command_id LIMIT ${limits.receiptsMax}`,
      spaceId,
      threadId,
      receiptCutoff,
      after,
    ),
  );
}

/** Size of the database, and what of it is free and will be used again. */
export async function storeSize(store: Store): Promise<{ sizeBytes: number; reusableBytes: number | null }> {
  const sql =
    store.dialect === "sqlite"
      ? `SELECT page_count * page_size AS size, freelist_count * page_size AS reusable
         FROM pragma_page_count, pragma_page_size, pragma_freelist_count`
      : `SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS BIGINT) AS size, NULL AS reusable
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'`;
  const [row] = await store.read({ sql, parameters: [] });
  const reusable = row?.["reusable"] ?? null;
  return { sizeBytes: Number(row?.["size"] ?? 0), reusableBytes: reusable === null ? null : Number(reusable) };
}
