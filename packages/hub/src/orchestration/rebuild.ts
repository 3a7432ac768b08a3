// Rebuilding projections while the hub serves. The log is followed into shadow tables page by page; near the head the
// last events, the rows and the cursor go over in one transaction that is guarded by the log's head, so readers see the
// old rows or the new ones and snapshotSequence never falls. Appends that keep overtaking it are held for a moment, and
// the first one behind it is refused once, so that its process forgets what it read from the old rows.
import { MusterError, type ProjectorName, type Rebuild } from "@muster/contracts";
import { type Clock, isoTime, PROJECTOR_NAMES } from "@muster/core";
import { type CommitResult, change, integer, list, type Statement, type Store, StoreError, text } from "@muster/store";
import { HOLD_POLL_MS } from "./append-guard.ts";
import { type ReadEvent, SkippedEvents } from "./event-reader.ts";
import { RebuildRows } from "./rebuild-row.ts";
import { hasScratch, headOfLog, openShadows, type ShadowPlace } from "./shadow-fill.ts";
import { createShadows, dropShadows, swapShadows, tablesOf } from "./shadow-tables.ts";
import type { Timers } from "./timers.ts";

/** Swaps that are tried against appends before these are held. */
export const FREE_SWAPS_MAX = 3;
/** Swaps that are tried under a hold, should a process that does not know of holds append. */
export const HELD_SWAPS_MAX = 3;

const moveCursors = change({
  request: {
    sequence: integer(),
    at: text(),
    projectors: list(text<ProjectorName>(), PROJECTOR_NAMES.length),
  },
  sql: `UPDATE projection_state SET last_applied_sequence = :sequence, updated_at = :at
    WHERE projector IN (:projectors)`,
});

export interface RebuildOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly readEvent: ReadEvent;
  /** Fewer events than usual in a page. */
  readonly pageEventsMax?: number;
  /** This process. */
  readonly owner: string;
  /** A rebuild failed in a way that is nobody's answer. */
  readonly onBug: (error: unknown) => void;
  readonly onWarning: (message: string) => void;
}

/** One rebuild at a time for the whole store. */
export class Rebuilds {
  readonly #options: RebuildOptions;
  readonly #rows: RebuildRows;
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: RebuildOptions) {
    this.#options = options;
    this.#rows = new RebuildRows(options.store, options.clock);
  }

  /** Before anything is served: what a dead process left is dropped. */
  async open(): Promise<void> {
    await this.#rows.dropDead();
  }

  newest(): Promise<Rebuild | null> {
    return this.#rows.newest();
  }

  /** Resolves when it has begun. Throws `rebuild_running`, `unavailable`. */
  async start(projector: ProjectorName | undefined): Promise<Rebuild> {
    if (this.#isClosed) throw new MusterError("unavailable", "The hub is stopping.");
    const projectors = projector === undefined ? PROJECTOR_NAMES : [projector];
    const shadows = hasScratch(this.#options) ? [] : createShadows(tablesOf(projectors));
    const rebuildNumber = await this.#rows.begin(this.#options.owner, projectors, shadows).catch((error: unknown) => {
      throw error instanceof StoreError
        ? new MusterError(codeOf(error), undefined, undefined, { cause: error })
        : error;
    });
    if (rebuildNumber === null) throw new MusterError("rebuild_running");
    const begun = await this.#rows.newest();
    const run = new Run(this.#options, this.#rows, rebuildNumber, projectors, () => this.#isClosed);
    // One that was too slow for its lease may run still: it is lost, and its end is waited for as well.
    const running: Promise<void> = Promise.all([this.#running, this.#run(run)]).then(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    if (begun === null) throw new MusterError("internal_error");
    return begun;
  }

  /** Resolves when the one that runs here is over. */
  async ended(): Promise<void> {
    await this.#running;
  }

  /** A while in which another's hold may end, or at once when the rebuild of this process is over. */
  async pause(timers: Timers): Promise<void> {
    let cancel = (): void => {};
    const passed = new Promise<void>((resolve) => {
      cancel = timers.after(HOLD_POLL_MS, resolve);
    });
    await (this.#running === null ? passed : Promise.race([passed, this.#running]));
    cancel();
  }

  /** Ends the one that runs, which is lost. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #run(run: Run): Promise<void> {
    const { onBug, onWarning } = this.#options;
    try {
      await run.run();
      const { skipped } = run;
      if (skipped.count > 0)
        onWarning(`A rebuild skipped ${skipped.count} events that this program cannot read: ${skipped}.`);
    } catch (error) {
      if (!(error instanceof MusterError)) onBug(error);
      await run.fail(error).catch(onBug);
    }
  }
}

const codeOf = (error: unknown) => {
  if (error instanceof MusterError) return error.code;
  if (!(error instanceof StoreError)) return "internal_error";
  return error.code === "unavailable" || error.code === "outcome_unknown" ? error.code : "internal_error";
};

class Run {
  readonly #options: RebuildOptions;
  readonly #rows: RebuildRows;
  readonly #rebuildNumber: number;
  readonly #projectors: readonly ProjectorName[];
  readonly #isStopping: () => boolean;
  readonly skipped = new SkippedEvents();

  constructor(
    options: RebuildOptions,
    rows: RebuildRows,
    rebuildNumber: number,
    projectors: readonly ProjectorName[],
    isStopping: () => boolean,
  ) {
    this.#options = options;
    this.#rows = rows;
    this.#rebuildNumber = rebuildNumber;
    this.#projectors = projectors;
    this.#isStopping = isStopping;
  }

  async run(): Promise<void> {
    const place = await openShadows(this.#options, this.#projectors);
    try {
      await this.#fillAndSwap(place);
    } finally {
      await place.close();
    }
  }

  /** The shadow tables go, and the reason is kept. Nothing is done where another rebuild has taken over. */
  async fail(error: unknown): Promise<void> {
    await this.#commit([...this.#dropped(), this.#rows.end(this.#rebuildNumber, codeOf(error))]);
  }

  async #fillAndSwap(place: ShadowPlace): Promise<void> {
    const guard = this.#rows.guard(this.#rebuildNumber);
    const { pageEventsMax } = this.#options;
    const compares = place.comparesBefore;
    for (let after = 0, swaps = 0, isCompared = false; ; ) {
      const filled = await place.fill({
        kind: "fill",
        projectors: this.#projectors,
        after,
        guard,
        compares,
        isCompared,
        ...(pageEventsMax && { pageEventsMax }),
      });
      if (this.#isStopping()) throw new MusterError("unavailable", "The hub is stopping.");
      if (!filled.isMine) throw lost();
      this.skipped.addAll(filled.skipped);
      after = filled.last;
      const isAtHead = filled.last >= filled.head;
      const isFirst = filled.isCompared && !isCompared;
      isCompared = filled.isCompared;
      if (isAtHead && isCompared === compares && (await this.#swap(place, filled.last))) return;
      // What was in the way of comparing need not be in the way of the swap.
      if (isAtHead) swaps = isFirst ? 1 : swaps + 1;
      if (swaps >= FREE_SWAPS_MAX + HELD_SWAPS_MAX) throw new MusterError("concurrency_conflict");
      const hold = swaps >= FREE_SWAPS_MAX ? [this.#rows.hold(this.#rebuildNumber)] : [];
      this.#mine(await this.#commit([this.#progress(filled.last, filled.head), ...hold]));
    }
  }

  /** False where the log has grown since the shadows were filled up to this head: then nothing was written. */
  async #swap(place: ShadowPlace, head: number): Promise<boolean> {
    const { store, clock } = this.#options;
    const swap = swapShadows(tablesOf(this.#projectors), place.comparesBefore);
    const result = await place.commit({
      guards: [this.#rows.guard(this.#rebuildNumber), { query: headOfLog(store.dialect, {}), expected: [{ head }] }],
      statements: [
        ...swap,
        ...this.#dropped(),
        moveCursors(store.dialect, { sequence: head, at: isoTime(clock.now()), projectors: this.#projectors }),
        this.#progress(head, head),
        this.#rows.end(this.#rebuildNumber, null),
      ],
    });
    if (result.status === "conflict") {
      if (result.failedGuards.includes(0)) throw lost();
      return false;
    }
    const changes = result.changes.slice(0, swap.length);
    const sum = (parity: number): number =>
      changes.reduce((total, change, index) => total + (index % 2 === parity ? change : 0), 0);
    const changed = this.#rows.changed(this.#rebuildNumber, { removed: sum(0), written: sum(1) });
    await store.commit({ guards: [], statements: [changed] });
    return true;
  }

  #progress(appliedSequence: number, headSequence: number): Statement {
    const { count, kinds } = this.skipped;
    return this.#rows.progress(this.#rebuildNumber, {
      appliedSequence,
      headSequence,
      skipped: { count, kinds: [...kinds] },
    });
  }

  #dropped(): readonly Statement[] {
    return hasScratch(this.#options) ? [] : dropShadows(tablesOf(this.#projectors));
  }

  #commit(statements: readonly Statement[]): Promise<CommitResult> {
    return this.#options.store.commit({ guards: [this.#rows.guard(this.#rebuildNumber)], statements });
  }

  #mine(result: CommitResult): void {
    if (result.status === "conflict") throw lost();
  }
}

const lost = (): MusterError => new MusterError("concurrency_conflict", "Another hub has taken the rebuild over.");
