// Retention: takes out what archived and deleted threads no longer need, in small commits. Every commit leaves log and
// rows in agreement and says in the same breath how far it came, so that a run may die anywhere, be repeated, or meet
// another one: what is done is done once. A dry run is the same walk without the commits.
import type { PruneReport } from "@muster/contracts";
import { DELETED_KEPT_DAYS, daysToMs, MusterError, RECEIPTS_KEPT_MIN_DAYS } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import { type Guard, insertInto, type Statement, type Store } from "@muster/store";
import { HUB_TABLES } from "../schema/index.ts";
import { noProjectorAtWork } from "./append-guard.ts";
import type { ReadEvent } from "./event-reader.ts";
import { RebuildRows } from "./rebuild-row.ts";
import { archivedBatch, type RetentionBatch, removedBatch } from "./retention-batches.ts";
import {
  behindEffect,
  EFFECTS_START,
  type EffectsPlace,
  effectCutoffs,
  effectDeletion,
  effectsCursorOf,
  effectsInScope,
  effectsPage,
  effectsPlaceOf,
  nextStretch,
} from "./retention-effects.ts";
import {
  type Candidate,
  type Cutoffs,
  candidates,
  diffsPage,
  noUnfinishedEffects,
  RETENTION_LIMITS,
  type RetentionLimits,
  type RetentionParts,
  type RetentionScope,
  type RetentionThread,
  readThread,
  receiptsPage,
  storeSize,
} from "./retention-queries.ts";
import { deleteDiff, deleteReceipt } from "./retention-statements.ts";

/** How often a thread is read again when others changed it meanwhile; then it waits for the next run. */
const ATTEMPTS_MAX = 5;
/** Another process that was faster with the row makes it a conflict, so that nobody counts it twice. */
const IS_THERE = { expectChanges: 1 } as const;

export interface RetentionInput {
  readonly scope: RetentionScope;
  /** null: archived threads keep everything. */
  readonly olderThanDays: number | null;
  readonly dryRun: boolean;
  readonly after?: string;
}

type Counts = {
  -readonly [Name in "threads" | "events" | "diffs" | "receipts" | "effects" | "bytesFreed"]: PruneReport[Name];
};

/** Where a walk is: at a thread, behind a sequence of it, or behind the thread. */
interface Place {
  readonly spaceId: string;
  readonly threadId: string;
  /** null: the thread is done. */
  readonly sequence: number | null;
  /** The thread was counted already. */
  readonly isCounted: boolean;
}

export class Retention {
  readonly #parts: RetentionParts;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock, readEvent: ReadEvent, limits: RetentionLimits = RETENTION_LIMITS) {
    this.#parts = { store, readEvent, limits };
    this.#clock = clock;
  }

  /**
   * One part of a run. @throws MusterError `validation_failed` for an `after` that no report gave; `rebuild_running`, which
   * the daily run over everything does not ask: it takes nothing then.
   */
  async prune(input: RetentionInput): Promise<PruneReport> {
    if (!input.dryRun) {
      // Nothing is taken while a rebuild is under way, and one whose process died would be that for ever.
      const rebuilds = new RebuildRows(this.#parts.store, this.#clock);
      await rebuilds.dropExpired();
      if (input.scope !== "everything" && (await rebuilds.newest())?.state === "running")
        throw new MusterError("rebuild_running", "Projections are being rebuilt, and nothing is pruned meanwhile.");
    }
    const walk = new Walk(this.#parts, this.#clock, input);
    const next = await walk.run(input.after);
    return {
      dryRun: input.dryRun,
      olderThanDays: input.olderThanDays,
      ...walk.counts,
      next,
      store: await storeSize(this.#parts.store),
    };
  }
}

class Walk {
  readonly counts: Counts = { threads: 0, events: 0, diffs: 0, receipts: 0, effects: 0, bytesFreed: 0 };
  readonly #parts: RetentionParts;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #input: RetentionInput;
  readonly #cutoffs: Cutoffs;
  #batches = 0;

  constructor(parts: RetentionParts, clock: Clock, input: RetentionInput) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#clock = clock;
    this.#input = input;
    this.#cutoffs = cutoffsOf(clock.now(), input.olderThanDays);
  }

  /** Threads first, then the effects of all. Where to go on, or null at the end. */
  async run(after: string | undefined): Promise<string | null> {
    const effects = after === undefined ? null : effectsPlaceOf(after);
    if (effects === null) {
      const rest = await this.#threads(placeOf(after));
      if (rest !== null) return rest;
    }
    return this.#effects(effects ?? EFFECTS_START);
  }

  async #threads(start: Place): Promise<string | null> {
    let from = { spaceId: start.spaceId, threadId: start.threadId, isIncluded: start.sequence !== null };
    for (;;) {
      const page = await candidates(this.#store, this.#input.scope, this.#cutoffs, from);
      for (const candidate of page) {
        const isStart = candidate.spaceId === start.spaceId && candidate.threadId === start.threadId;
        const rest = await this.#thread(candidate, isStart ? start : null);
        if (rest !== null) return cursorOf({ ...candidate, ...rest });
        if (this.#batches >= this.#parts.limits.batchesPerCallMax)
          return cursorOf({ ...candidate, sequence: null, isCounted: false });
      }
      const last = page.at(-1);
      if (last === undefined) return null;
      from = { ...last, isIncluded: false };
    }
  }

  /** Null when the thread is done, else how far this call came with it. */
  async #thread(
    candidate: Candidate,
    start: Place | null,
  ): Promise<{ readonly sequence: number; readonly isCounted: boolean } | null> {
    let isCounted = start?.isCounted ?? false;
    const count = (events: number, diffs: number, receipts: number, bytes: number): void => {
      this.counts.events += events;
      this.counts.diffs += diffs;
      this.counts.receipts += receipts;
      this.counts.bytesFreed += bytes;
      if (!isCounted && events + diffs + receipts > 0) {
        isCounted = true;
        this.counts.threads += 1;
      }
    };
    // Only a dry run has to be told where it was: another one finds it in the mark.
    let position = this.#input.dryRun ? (start?.sequence ?? 0) : 0;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      let thread = await readThread(this.#store, candidate, this.#cutoffs);
      if (thread === null) return null;
      position = Math.max(position, thread.isRemoved ? thread.stubbedThrough : thread.prunedThrough);
      while (thread !== null && position < thread.end) {
        if (this.#batches >= this.#parts.limits.batchesPerCallMax) return { sequence: position, isCounted };
        this.#batches += 1;
        const batch: RetentionBatch = await (thread.isRemoved ? removedBatch : archivedBatch)(
          this.#parts,
          thread,
          position,
        );
        thread = await this.#commitEvents(thread, batch);
        if (thread === null) break;
        position = batch.through;
        count(batch.events, 0, 0, batch.bytes);
      }
      if (thread === null) continue;
      let ending = await this.#diffs(thread, count);
      if (ending === "done") ending = await this.#receipts(thread, count);
      if (ending === "done") return null;
      if (ending === "paused") return { sequence: position, isCounted };
    }
    return null;
  }

  /** Whether this call has taken as much as it may. A dry run takes nothing, and could not tell where it was. */
  get #isFull(): boolean {
    return !this.#input.dryRun && this.#batches >= this.#parts.limits.batchesPerCallMax;
  }

  /** The thread as it is after the commit, or null where something had changed before it. */
  async #commitEvents(thread: RetentionThread, batch: RetentionBatch): Promise<RetentionThread | null> {
    if (this.#input.dryRun) return thread;
    const { spaceId, threadId } = thread;
    const prunedThrough = thread.isRemoved ? thread.prunedThrough : batch.through;
    const stubbedThrough = thread.isRemoved ? batch.through : thread.stubbedThrough;
    const mark = {
      space_id: spaceId,
      thread_id: threadId,
      pruned_through: prunedThrough,
      stubbed_through: stubbedThrough,
      updated_at: isoTime(this.#clock.now()),
    };
    const isCommitted = await this.#commit(thread.guards, [
      ...batch.statements,
      ...insertInto(this.#store.dialect, HUB_TABLES, "thread_retention", [mark], {
        conflict: { update: ["pruned_through", "stubbed_through", "updated_at"], on: ["space_id", "thread_id"] },
      }),
    ]);
    if (!isCommitted) return null;
    const guards = thread.guards.map((guard, index) =>
      index === 1
        ? { ...guard, expected: [{ pruned_through: prunedThrough, stubbed_through: stubbedThrough }] }
        : guard,
    );
    return { ...thread, prunedThrough, stubbedThrough, guards };
  }

  async #diffs(thread: RetentionThread, count: (...counts: CountArguments) => void): Promise<Ending> {
    const { spaceId, threadId } = thread;
    let after: readonly [number, number] = [-1, -1];
    for (;;) {
      const rows = await diffsPage(this.#parts, thread, after);
      const last = rows.at(-1);
      if (last === undefined) return "done";
      if (this.#isFull) return "paused";
      this.#batches += 1;
      const statements = rows.map(({ from_turn_count: fromTurnCount, to_turn_count: toTurnCount }) =>
        deleteDiff(this.#store.dialect, { spaceId, threadId, fromTurnCount, toTurnCount }, IS_THERE),
      );
      if (!(await this.#commit(thread.guards, statements))) return "conflict";
      after = [last.from_turn_count, last.to_turn_count];
      count(0, rows.length, 0, bytesOf(rows));
    }
  }

  /** What was asked of the thread stays known as long as anything that followed from it is still on its way. */
  async #receipts(thread: RetentionThread, count: (...counts: CountArguments) => void): Promise<Ending> {
    if (thread.hasUnfinishedEffects) return "done";
    const guards = [...thread.guards, noUnfinishedEffects(this.#store, thread, this.#cutoffs)];
    let after = "";
    for (;;) {
      const rows = await receiptsPage(this.#parts, thread, after);
      const last = rows.at(-1);
      if (last === undefined) return "done";
      if (this.#isFull) return "paused";
      this.#batches += 1;
      const statements = rows.map(({ command_id: commandId }) =>
        deleteReceipt(this.#store.dialect, { spaceId: thread.spaceId, commandId }, IS_THERE),
      );
      if (!(await this.#commit(guards, statements))) return "conflict";
      after = last.command_id;
      count(0, 0, rows.length, bytesOf(rows));
    }
  }

  async #effects(start: EffectsPlace): Promise<string | null> {
    let attempts = 0;
    for (let place = start; ; ) {
      const rows = await effectsPage(this.#parts, this.#cutoffs.effects, place);
      const last = rows.at(-1);
      if (last === undefined) {
        const next = nextStretch(place);
        if (next === null) return null;
        place = next;
        continue;
      }
      if (this.#batches >= this.#parts.limits.batchesPerCallMax) return effectsCursorOf(place);
      this.#batches += 1;
      const taken = await effectsInScope(this.#store, this.#input.scope, rows);
      const statements = taken.map((row) => effectDeletion(this.#store, place, row));
      // What has ended stays ended, so nothing else has to be proven.
      if (taken.length === 0 || (await this.#commit([], statements))) {
        place = behindEffect(place, last);
        this.counts.effects += taken.length;
        this.counts.bytesFreed += bytesOf(taken);
        attempts = 0;
      } else {
        attempts += 1;
        if (attempts >= ATTEMPTS_MAX) return null;
      }
    }
  }

  /** False when something was no longer so. Pages of projectors on their way hold payloads as they were: they come first. */
  async #commit(guards: readonly Guard[], statements: readonly Statement[]): Promise<boolean> {
    if (this.#input.dryRun) return true;
    const result = await this.#store.commit({
      guards: [...guards, noProjectorAtWork(this.#store.dialect)],
      statements,
    });
    return result.status === "committed";
  }
}

/** `paused`: there is more, for another call; `conflict`: something was no longer so. */
type Ending = "done" | "paused" | "conflict";
type CountArguments = [events: number, diffs: number, receipts: number, bytes: number];

const bytesOf = (rows: readonly { readonly bytes: number }[]): number => rows.reduce((sum, row) => sum + row.bytes, 0);

function cutoffsOf(now: number, olderThanDays: number | null): Cutoffs {
  const before = (days: number): string => isoTime(now - daysToMs(days));
  return {
    archived: olderThanDays === null ? "" : before(olderThanDays),
    removed: before(DELETED_KEPT_DAYS),
    archivedReceipts: before(Math.max(olderThanDays ?? 0, RECEIPTS_KEPT_MIN_DAYS)),
    removedReceipts: before(Math.max(DELETED_KEPT_DAYS, RECEIPTS_KEPT_MIN_DAYS)),
    effects: effectCutoffs(now),
  };
}

const cursorOf = ({ spaceId, threadId, sequence, isCounted }: Place): string =>
  `${spaceId}~${threadId}~${sequence ?? "done"}~${isCounted ? 1 : 0}`;

function placeOf(after: string | undefined): Place {
  if (after === undefined) return { spaceId: "", threadId: "", sequence: null, isCounted: false };
  const match = /^([A-Za-z0-9_-]{1,64})~([A-Za-z0-9_-]{1,64})~(done|\d{1,15})~([01])$/.exec(after);
  if (match === null)
    throw new MusterError("validation_failed", "That is no place in a run; give back what `next` held.", { after });
  const [, spaceId = "", threadId = "", sequence, isCounted] = match;
  return { spaceId, threadId, sequence: sequence === "done" ? null : Number(sequence), isCounted: isCounted === "1" };
}
