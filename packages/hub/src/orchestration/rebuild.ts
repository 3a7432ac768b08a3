// Rebuilding projections while the hub serves. The log is followed into shadow tables page by page; near the head the
// last events, the rows and the cursor go over in one transaction that is guarded by the log's head, so readers see the
// old rows or the new ones and snapshotSequence never falls. Appends that keep overtaking it are held for a moment, and
// the first one behind it is refused once, so that its process forgets what it read from the old rows.
import { MusterError, type ProjectorName, type Rebuild } from "@muster/contracts";
import { type Clock, isoTime, PROJECTOR_NAMES } from "@muster/core";
import { type CommitResult, type Statement, type Store, StoreError } from "@muster/store";
import { HOLD_POLL_MS } from "./append-guard.ts";
import { logQueries } from "./event-log.ts";
import { type ReadEvent, SkippedEvents } from "./event-reader.ts";
import { type LogPage, readLogPage, writePage } from "./log-pages.ts";
import { query } from "./placeholders.ts";
import { RebuildRows } from "./rebuild-row.ts";
import { dropShadows, indexShadowsByThread, shadowName, swapShadows, tablesOf } from "./shadow-tables.ts";
import type { Timers } from "./timers.ts";

/** Swaps that are tried against appends before these are held. */
export const FREE_SWAPS_MAX = 3;
/** Swaps that are tried under a hold, should a process that does not know of holds append. */
export const HELD_SWAPS_MAX = 3;

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
    const rebuildNumber = await this.#rows.begin(this.#options.owner, projectors).catch((error: unknown) => {
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
    let swaps = 0;
    let isAhead = false;
    let reading = this.#read(0);
    for (;;) {
      const page = await reading;
      if (this.#isStopping()) throw new MusterError("unavailable", "The hub is stopping.");
      if (page.last < page.head || isAhead) {
        // The next page is read while this one is written. One that was read so and ends the log may be old by now.
        isAhead = page.last < page.head;
        if (isAhead) reading = this.#read(page.last);
        // Should writing fail, nobody waits for it any more.
        reading.catch(() => undefined);
        await this.#apply(page, await this.#write(page));
        if (!isAhead) reading = this.#read(page.last);
        continue;
      }
      const write = await this.#write(page);
      if (await this.#swap(page, write)) return;
      swaps += 1;
      if (swaps >= FREE_SWAPS_MAX + HELD_SWAPS_MAX) throw new MusterError("concurrency_conflict");
      await this.#apply(page, write);
      if (swaps >= FREE_SWAPS_MAX) this.#mine(await this.#commit([this.#rows.hold(this.#rebuildNumber)]));
      reading = this.#read(page.last);
    }
  }

  /** The shadow tables go, and the reason is kept. Nothing is done where another rebuild has taken over. */
  async fail(error: unknown): Promise<void> {
    const code = codeOf(error);
    const ending = [...dropShadows(tablesOf(this.#projectors)), this.#rows.end(this.#rebuildNumber, code)];
    await this.#commit(ending);
  }

  async #read(after: number): Promise<Page> {
    const { store, readEvent, pageEventsMax: eventsMax } = this.#options;
    // Before the page, so that under constant appends a page still reaches the head that it is measured by.
    const [head] = await store.read(logQueries(store.dialect).head());
    const projectorsAt = () => this.#projectors;
    const page = await readLogPage(after, { store, readEvent, projectorsAt, ...(eventsMax && { eventsMax }) });
    return { ...page, head: Math.max(page.last, Number(head?.["head"] ?? 0)) };
  }

  /** What the page does to the shadow tables. They must hold the page before. */
  async #write(page: Page): Promise<readonly Statement[]> {
    const { statements, removedByThread } = await writePage(this.#options.store, page, shadowName);
    return [...indexShadowsByThread([...removedByThread]), ...statements];
  }

  async #apply({ skipped, last, head }: Page, statements: readonly Statement[]): Promise<void> {
    this.skipped.addAll(skipped);
    const { count, kinds } = this.skipped;
    const progress = { appliedSequence: last, headSequence: head, skipped: { count, kinds: [...kinds] } };
    this.#mine(await this.#commit([...statements, this.#rows.progress(this.#rebuildNumber, progress)]));
  }

  /** False where the log has grown since the page was read: then nothing was written. */
  async #swap({ skipped, head }: Page, statements: readonly Statement[]): Promise<boolean> {
    const { store, clock } = this.#options;
    const tables = tablesOf(this.#projectors);
    const total = new SkippedEvents();
    total.addAll(this.skipped);
    total.addAll(skipped);
    const progress = {
      appliedSequence: head,
      headSequence: head,
      skipped: { count: total.count, kinds: [...total.kinds] },
    };
    const cursors = `UPDATE projection_state SET last_applied_sequence = ?, updated_at = ? WHERE projector IN (${this.#projectors.map(() => "?").join(", ")})`;
    const swap = swapShadows(tables);
    const result = await this.#commitAtHead(head, [
      ...statements,
      ...swap,
      ...dropShadows(tables),
      query(store.dialect, cursors, head, isoTime(clock.now()), ...this.#projectors),
      this.#rows.progress(this.#rebuildNumber, progress),
      this.#rows.end(this.#rebuildNumber, null),
    ]);
    if (result.status === "conflict") {
      if (result.failedGuards.includes(0)) throw lost();
      return false;
    }
    this.skipped.addAll(skipped);
    const changes = result.changes.slice(statements.length, statements.length + swap.length);
    const sum = (parity: number): number =>
      changes.reduce((total, change, index) => total + (index % 2 === parity ? change : 0), 0);
    const changed = this.#rows.changed(this.#rebuildNumber, { removed: sum(0), written: sum(1) });
    await store.commit({ guards: [], statements: [changed] });
    return true;
  }

  #commit(statements: readonly Statement[]): Promise<CommitResult> {
    return this.#options.store.commit({ guards: [this.#rows.guard(this.#rebuildNumber)], statements });
  }

  #commitAtHead(head: number, statements: readonly Statement[]): Promise<CommitResult> {
    const sql = "SELECT coalesce(max(sequence), 0) AS head FROM orchestration_events";
    return this.#options.store.commit({
      guards: [this.#rows.guard(this.#rebuildNumber), { query: { sql, parameters: [] }, expected: [{ head }] }],
      statements,
    });
  }

  #mine(result: CommitResult): void {
    if (result.status === "conflict") throw lost();
  }
}

const lost = (): MusterError => new MusterError("concurrency_conflict", "Another hub has taken the rebuild over.");

interface Page extends LogPage {
  /** Where the log ended before it was read, or its last event where that is later. */
  readonly head: number;
}
