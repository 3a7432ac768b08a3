// One batch of retention as data: what it rewrites in the log, and the same in the rows made from it, so that rows and
// log agree at every commit. Reads alone; whoever asked for it commits it, or only counts.
import type { ApprovalRequestId, MusterEvent, WireEvent } from "@muster/contracts";
import { openedApproval, prunedActivity, stubOf } from "@muster/core";
import type { Change, QueryOf, Statement, Store } from "@muster/store";
import { knownEvent } from "./event-log.ts";
import * as statements from "./retention-batch-statements.ts";
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

  run<Values>(statement: Change<Values>, values: Values): void {
    this.statements.push(statement(this.#store.dialect, values));
  }

  rewrite({ event, bytes }: LogRow, payload: object): void {
    const text = JSON.stringify(payload);
    const { sequence, eventType, schemaVersion } = event;
    this.run(statements.rewriteEvent, { sequence, eventType, schemaVersion, payload: text });
    this.events += 1;
    this.bytes += bytes - Buffer.byteLength(text);
  }

  /** Bytes of those rows by their id, of rows that are there. */
  async sizes<Id extends string | number>(
    ids: readonly Id[],
    sizesOf: (some: readonly Id[]) => QueryOf<{ readonly id: Id; readonly bytes: number }>,
  ): Promise<ReadonlyMap<Id, number>> {
    const sizes = new Map<Id, number>();
    for (let start = 0; start < ids.length; start += statements.SIZES_MAX) {
      const rows = await this.#store.read(sizesOf(ids.slice(start, start + statements.SIZES_MAX)));
      for (const { id, bytes } of rows) sizes.set(id, bytes);
    }
    return sizes;
  }

  /** The rows of those sizes go. */
  remove<Id>(sizes: ReadonlyMap<Id, number>, deletionOf: (id: Id) => Statement): void {
    for (const [id, bytes] of sizes) {
      this.bytes += bytes;
      this.statements.push(deletionOf(id));
    }
  }

  toBatch(through: number): RetentionBatch {
    return { statements: this.statements, events: this.events, bytes: this.bytes, through };
  }
}

/** The question that an activity opened, while its row is there: the two come and go together. */
const questionOf = (event: MusterEvent | null, activities: ReadonlyMap<string, number>): ApprovalRequestId | null =>
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
  const activities = await gathering.sizes<string>(
    changes.map(({ known }) => known.eventId),
    (ids) => statements.activityDetailSizes(store.dialect, { spaceId, ids }),
  );
  const questions = changes.flatMap(({ known }) => questionOf(known, activities) ?? []);
  const approvals = await gathering.sizes(questions, (ids) =>
    statements.approvalSizes(store.dialect, { spaceId, threadId, ids }),
  );
  for (const { row, known, pruned } of changes) {
    gathering.rewrite(row, pruned);
    const details = JSON.stringify(pruned["payload"]);
    const shrink = (before: number | undefined): void => {
      if (before !== undefined) gathering.bytes += before - Buffer.byteLength(details);
    };
    shrink(activities.get(known.eventId));
    gathering.run(statements.shrinkActivity, { spaceId, id: known.eventId, payload: details });
    const question = questionOf(known, activities);
    if (question === null) continue;
    shrink(approvals.get(question));
    gathering.run(statements.shrinkApproval, { spaceId, threadId, id: question, payload: details });
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
  const { dialect } = store;
  const { spaceId, threadId } = thread;
  const ofThread = { spaceId, threadId };
  const activities = await gathering.sizes<string>(
    appended.map(({ eventId }) => eventId),
    (ids) => statements.activitySizes(dialect, { spaceId, ids }),
  );
  const questions = appended.flatMap((event) => questionOf(event, activities) ?? []);
  const messageIds = of("thread.message-sent").flatMap(({ payload }) =>
    payload.offset === 0 ? [payload.messageId] : [],
  );
  const turnCounts = [...new Set(of("thread.turn-diff-completed").map(({ payload }) => payload.turnCount))];
  const approvals = await gathering.sizes(questions, (ids) => statements.approvalSizes(dialect, { ...ofThread, ids }));
  const messages = await gathering.sizes(messageIds, (ids) => statements.messageSizes(dialect, { ...ofThread, ids }));
  const checkpoints = await gathering.sizes(turnCounts, (ids) =>
    statements.checkpointSizes(dialect, { ...ofThread, ids }),
  );
  gathering.remove(approvals, (id) => statements.deleteApproval(dialect, { ...ofThread, id }));
  gathering.remove(activities, (id) => statements.deleteActivity(dialect, { ...ofThread, id }));
  gathering.remove(messages, (id) => statements.deleteMessage(dialect, { ...ofThread, id }));
  gathering.remove(checkpoints, (id) => statements.deleteCheckpoint(dialect, { ...ofThread, id }));
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
  const ids = { spaceId, threadId };
  const [row] = await store.read(statements.headSize(store.dialect, ids));
  gathering.bytes += row?.bytes ?? 0;
  gathering.run(statements.emptyHead, ids);
  gathering.run(statements.deleteSession, ids);
  // Whatever still waited for a machine that was away has lost its place to act in; that the agent stops has not. It
  // counts as ended when it was asked for, so that this run takes its row too, as a dry run says.
  gathering.run(statements.cancelEffects, ids);
}
