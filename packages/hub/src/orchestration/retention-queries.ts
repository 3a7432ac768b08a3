// What retention asks the database: which threads have something to lose, how far each was pruned, and their events,
// diffs and receipts in pages. Bounded by rows and bytes there, so that no thread is too long.
import type { SessionId, SpaceId, ThreadId, WireEvent } from "@muster/contracts";
import type { Guard, Store } from "@muster/store";
import type { EventRow } from "./event-log.ts";
import type { ReadEvent } from "./event-reader.ts";
import { RETENTION_EFFECTS_MAX } from "./retention-effect-statements.ts";
import type { EffectCutoffs } from "./retention-effects.ts";
import * as statements from "./retention-statements.ts";

export interface RetentionLimits {
  /** Of one commit: a few milliseconds under the append lock, with the rows that change along. */
  readonly eventsMax: number;
  /** Payload bytes of one commit; one event that is larger goes alone. */
  readonly bytesMax: number;
  /** Of one commit: at 2 MiB each they are many free pages. */
  readonly diffsMax: number;
  /** Of one commit. */
  readonly receiptsMax: number;
  /** Of one commit, at most `RETENTION_EFFECTS_MAX`. */
  readonly effectsMax: number;
  /** Of one call: about a second of work, so that whoever waits sees it go on. */
  readonly batchesPerCallMax: number;
}

export const RETENTION_LIMITS: RetentionLimits = {
  eventsMax: 200,
  bytesMax: 1024 * 1024,
  diffsMax: 32,
  receiptsMax: 200,
  effectsMax: RETENTION_EFFECTS_MAX,
  batchesPerCallMax: 32,
};

export interface RetentionParts {
  readonly store: Store;
  readonly readEvent: ReadEvent;
  readonly limits: RetentionLimits;
}

/** Whose threads: of everybody, or of the sessions that somebody owns. */
export type RetentionScope = { readonly spaceId: SpaceId; readonly sessionIds: readonly SessionId[] } | "everything";

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

/** Threads that are old enough and have anything left to take, in the order of their keys, after or from one of them. */
export async function candidates(
  store: Store,
  scope: RetentionScope,
  cutoffs: Cutoffs,
  from: { readonly spaceId: string; readonly threadId: string; readonly isIncluded: boolean },
): Promise<Candidate[]> {
  const place = from.isIncluded ? "from" : "behind";
  const values = {
    ...cutoffs,
    waiting: cutoffs.effects.waiting,
    placeSpaceId: from.spaceId,
    placeThreadId: from.threadId,
  };
  const rows = await store.read(
    scope === "everything"
      ? statements.candidates[place](store.dialect, values)
      : statements.candidatesOfSessions[place](store.dialect, { ...values, ...scope }),
  );
  return rows.map((row) => ({ spaceId: row.space_id, threadId: row.thread_id }));
}

/** The thread as it stands, or null where it no longer is one to prune: unarchived, or deleted only now. */
export async function readThread(
  store: Store,
  { spaceId, threadId }: Candidate,
  cutoffs: Cutoffs,
): Promise<RetentionThread | null> {
  const { dialect } = store;
  const ids = { spaceId, threadId };
  const [stateQuery, markQuery, versionQuery] = [
    statements.threadState(dialect, ids),
    statements.markOf(dialect, ids),
    statements.versionOf(dialect, ids),
  ];
  const [state, mark, version, effects] = await store.readTransaction([
    stateQuery,
    markQuery,
    versionQuery,
    statements.unfinishedEffects(dialect, { ...ids, waiting: cutoffs.effects.waiting }),
  ]);
  const [row] = state;
  if (row === undefined) return null;
  const isRemoved = row.deleted_at !== null;
  const since = row.deleted_at ?? row.archived_at;
  const cutoff = isRemoved ? cutoffs.removed : cutoffs.archived;
  if (since === null || since >= cutoff) return null;
  const prunedThrough = mark[0]?.pruned_through ?? 0;
  const stubbedThrough = mark[0]?.stubbed_through ?? 0;
  const [end] = await store.read(
    statements.endOf(dialect, { ...ids, after: isRemoved ? stubbedThrough : prunedThrough, cutoff }),
  );
  return {
    spaceId,
    threadId,
    isRemoved,
    prunedThrough,
    stubbedThrough,
    end: end?.sequence ?? 0,
    cutoff,
    receiptCutoff: isRemoved ? cutoffs.removedReceipts : cutoffs.archivedReceipts,
    hasUnfinishedEffects: effects.length > 0,
    guards: [
      { query: stateQuery, expected: state },
      { query: markQuery, expected: mark },
      { query: versionQuery, expected: version },
    ],
  };
}

/** Proof that no effect of the thread that anybody still wants waits or is on its way. */
export const noUnfinishedEffects = (store: Store, { spaceId, threadId }: Candidate, cutoffs: Cutoffs): Guard => ({
  query: statements.unfinishedEffects(store.dialect, { spaceId, threadId, waiting: cutoffs.effects.waiting }),
  expected: [],
});

export interface LogRow {
  /** As readers read it: where an upcaster was at work, what is left of it is stored in the shape of today. */
  readonly event: WireEvent;
  /** The payload as it is stored. */
  readonly stored: string;
  readonly bytes: number;
}

const logRowOf = (readEvent: ReadEvent, row: EventRow & { readonly bytes: number }): LogRow => ({
  event: readEvent(row),
  stored: row.payload_json,
  bytes: row.bytes,
});

/** The thread's next events after a sequence, of one type or of all, at most so many and so large. */
export async function eventsPage(
  { store, readEvent, limits }: RetentionParts,
  { spaceId, threadId, end }: Pick<RetentionThread, "spaceId" | "threadId" | "end">,
  after: number,
  eventType?: string,
): Promise<LogRow[]> {
  const values = { spaceId, threadId, after, end, limit: limits.eventsMax, bytesMax: limits.bytesMax };
  const rows = await store.read(
    eventType === undefined
      ? statements.eventsPage(store.dialect, values)
      : statements.eventsPageOfType(store.dialect, { ...values, eventType }),
  );
  return rows.map((row) => logRowOf(readEvent, row));
}

/** Events by their sequences, however many. */
export async function eventsBySequence(
  { store, readEvent }: RetentionParts,
  sequences: readonly number[],
): Promise<LogRow[]> {
  const events: LogRow[] = [];
  for (let start = 0; start < sequences.length; start += statements.SEQUENCES_MAX) {
    const some = sequences.slice(start, start + statements.SEQUENCES_MAX);
    const rows = await store.read(statements.eventsBySequence(store.dialect, { sequences: some }));
    events.push(...rows.map((row) => logRowOf(readEvent, row)));
  }
  return events;
}

/** Sequences of the thread's changes of title and the like. */
export async function metaUpdates(store: Store, { spaceId, threadId }: Candidate): Promise<number[]> {
  const rows = await store.read(statements.metaUpdates(store.dialect, { spaceId, threadId }));
  return rows.map((row) => row.sequence);
}

/** Checkpoints of the thread that are no stubs yet: sequences by turn count, because the newest of a count makes its row. */
export async function checkpointEvents(
  store: Store,
  { spaceId, threadId }: Candidate,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const rows = await store.read(statements.checkpointEvents(store.dialect, { spaceId, threadId }));
  const groups = new Map<string, number[]>();
  for (const { sequence, turn_count: turnCount } of rows) {
    const count = turnCount ?? `event ${sequence}`;
    const group = groups.get(count);
    if (group === undefined) groups.set(count, [sequence]);
    else group.push(sequence);
  }
  return groups;
}

/** The newest plan of each turn, which keeps its entries: a thread is hard to read without. */
export async function keptPlans(store: Store, { spaceId, threadId }: Candidate): Promise<ReadonlySet<string>> {
  const rows = await store.read(statements.newestPlans(store.dialect, { spaceId, threadId }));
  return new Set(rows.map((row) => row.activity_id));
}

/** The thread's next diffs to go behind the turn counts of one. */
export const diffsPage = (
  { store, limits }: RetentionParts,
  { spaceId, threadId, cutoff }: RetentionThread,
  [afterFrom, afterTo]: readonly [number, number],
) =>
  store.read(
    statements.diffsPage(store.dialect, { spaceId, threadId, cutoff, afterFrom, afterTo, limit: limits.diffsMax }),
  );

/** The thread's next receipts to go behind the command of one. */
export const receiptsPage = (
  { store, limits }: RetentionParts,
  { spaceId, threadId, receiptCutoff: cutoff }: RetentionThread,
  after: string,
) =>
  store.read(statements.receiptsPage(store.dialect, { spaceId, threadId, cutoff, after, limit: limits.receiptsMax }));

/** Size of the database, and what of it is free and will be used again. */
export async function storeSize(store: Store): Promise<{ sizeBytes: number; reusableBytes: number | null }> {
  const [row] = await store.read(statements.storeSize(store.dialect, {}));
  return { sizeBytes: row?.size ?? 0, reusableBytes: row?.reusable ?? null };
}
