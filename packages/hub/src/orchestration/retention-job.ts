// The daily run of retention: soon after the start and every day from then on, one at a time, told in the log. A failure
// is told as well and waits for the next day; it never ends the hub.
import type { PruneReport } from "@muster/contracts";
import type { Random } from "@muster/core";
import type { Retention } from "./retention.ts";
import type { Timers } from "./timers.ts";

/** Between runs. */
export const RETENTION_INTERVAL_MS = 24 * 60 * 60 * 1_000;
/** The first run waits until a start has settled. */
export const RETENTION_FIRST_MS = 60_000;
/** Runs are put off by up to this, so that several hubs of one store do not begin together. */
export const RETENTION_JITTER_MS = 10 * 60_000;
/** Between the parts of a run, so that requests have the store to themselves most of the time. */
export const RETENTION_PAUSE_MS = 100;

export interface RetentionResult
  extends Pick<PruneReport, "threads" | "events" | "diffs" | "receipts" | "effects" | "bytesFreed"> {
  readonly olderThanDays: number | null;
}

export interface RetentionJobOptions {
  readonly retention: Retention;
  readonly timers: Timers;
  readonly random: Random;
  /** null: only deleted threads are looked at. */
  readonly archivedKeptDays: number | null;
  readonly onDone: (result: RetentionResult) => void;
  readonly onFailed: (error: unknown) => void;
}

export class RetentionJob {
  readonly #options: RetentionJobOptions;
  #cancel: (() => void) | null = null;
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: RetentionJobOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(RETENTION_FIRST_MS);
  }

  /** Ends after the part that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#running;
  }

  #schedule(afterMs: number): void {
    if (this.#isClosed) return;
    const jitter = (this.#options.random.fill(new Uint8Array(1))[0] ?? 0) / 255;
    this.#cancel = this.#options.timers.after(afterMs + Math.round(jitter * RETENTION_JITTER_MS), () =>
      this.#begin(undefined, { threads: 0, events: 0, diffs: 0, receipts: 0, effects: 0, bytesFreed: 0 }),
    );
  }

  #begin(after: string | undefined, before: Omit<RetentionResult, "olderThanDays">): void {
    this.#running = this.#part(after, before)
      .catch((error: unknown) => {
        this.#options.onFailed(error);
        this.#schedule(RETENTION_INTERVAL_MS);
      })
      .finally(() => {
        this.#running = null;
      });
  }

  async #part(after: string | undefined, before: Omit<RetentionResult, "olderThanDays">): Promise<void> {
    const { retention, archivedKeptDays, timers, onDone } = this.#options;
    const report = await retention.prune({
      scope: "everything",
      olderThanDays: archivedKeptDays,
      dryRun: false,
      ...(after === undefined ? {} : { after }),
    });
    const sum = {
      threads: before.threads + report.threads,
      events: before.events + report.events,
      diffs: before.diffs + report.diffs,
      receipts: before.receipts + report.receipts,
      effects: before.effects + report.effects,
      bytesFreed: before.bytesFreed + report.bytesFreed,
    };
    const { next } = report;
    if (this.#isClosed) return;
    if (next !== null) this.#cancel = timers.after(RETENTION_PAUSE_MS, () => this.#begin(next, sum));
    else {
      onDone({ ...sum, olderThanDays: archivedKeptDays });
      this.#schedule(RETENTION_INTERVAL_MS);
    }
  }
}
