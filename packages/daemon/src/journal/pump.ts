// Offers the journal to the hub over whatever connection there is: in order, a few batches ahead of the acknowledgement,
// from the hub's own cursor after every connect. What was sent and not acknowledged is sent again; the hub takes it once.
import {
  type FrameOf,
  INGEST_BATCH_MAX_ENTRIES,
  INGEST_WINDOW_BATCHES,
  type IngestEntry,
  type JournalId,
} from "@muster/contracts";
import type { Timers } from "../processes/index.ts";
import type { Journal } from "./journal.ts";

export interface PumpLimits {
  /** Bytes of one batch, unless a single entry is larger. */
  readonly batchMaxBytes: number;
  readonly windowBatches: number;
  /** Without an acknowledgement for so long, everything unacknowledged is sent again. */
  readonly acknowledgeTimeoutMs: number;
  /** Pause after a batch the hub could not take now. */
  readonly retryMs: number;
  /** Pause after a batch the hub will not take, which only a change on its side can mend. */
  readonly refusedMs: number;
}

export const PUMP_LIMITS: PumpLimits = {
  batchMaxBytes: 512 * 1024,
  windowBatches: INGEST_WINDOW_BATCHES,
  acknowledgeTimeoutMs: 15_000,
  retryMs: 1_000,
  refusedMs: 30_000,
};

export interface IngestPumpOptions {
  readonly journal: Journal;
  readonly timers: Timers;
  /** False: not taken; `pump.wake()` comes when it may be. */
  readonly send: (batch: { journalId: JournalId; firstSequence: number; entries: IngestEntry[] }) => boolean;
  /** The hub asks for rows that are pruned here, or knows rows that we do not have: a new journal is needed. */
  readonly onUnusable: (keepAfter: number) => void;
  readonly onRefused?: (error: NonNullable<FrameOf<"ingest.ack">["error"]>) => void;
  readonly limits?: Partial<PumpLimits>;
}

export class IngestPump {
  readonly #options: IngestPumpOptions;
  readonly #limits: PumpLimits;
  #connected = false;
  /** Highest number given to the connection. */
  #sent = 0;
  /** Last numbers of the batches on the way, in order. */
  #onTheWay: number[] = [];
  #cancelPause: (() => void) | undefined;
  #timeout: (() => void) | undefined;
  #filling: Promise<void> | undefined;
  #again = false;
  /** Where sending began anew; further gap answers of the same flight are ignored. */
  #rewoundTo: number | null = null;

  constructor(options: IngestPumpOptions) {
    this.#options = options;
    this.#limits = { ...PUMP_LIMITS, ...options.limits };
  }

  /** A connection is up and the hub has everything up to the cursor. */
  connected(cursor: number): void {
    const { journal } = this.#options;
    if (cursor > journal.lastSequence) {
      this.#options.onUnusable(journal.acknowledgedSequence);
      return;
    }
    journal.acknowledge(cursor);
    this.#connected = true;
    this.#rewoundTo = null;
    this.#rewind(cursor);
    this.wake();
  }

  disconnected(): void {
    this.#connected = false;
    this.#onTheWay = [];
    this.#stopTimers();
  }

  /** There may be something to send, or room to send it. */
  wake(): void {
    if (this.#filling !== undefined) {
      this.#again = true;
      return;
    }
    this.#filling = this.#fill()
      .catch(() => this.#pause(this.#limits.retryMs))
      .finally(() => {
        this.#filling = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.wake();
      });
  }

  acknowledged(ack: FrameOf<"ingest.ack">): void {
    const { journal } = this.#options;
    if (!this.#connected || ack.journalId !== journal.journalId) return;
    journal.acknowledge(ack.lastSequence);
    if (ack.error !== undefined) {
      this.#refused(ack.error, ack.lastSequence);
      return;
    }
    this.#rewoundTo = null;
    this.#onTheWay = this.#onTheWay.filter((last) => last > ack.lastSequence);
    this.#sent = Math.max(this.#sent, ack.lastSequence);
    this.#armTimeout();
    this.wake();
  }

  #refused(error: NonNullable<FrameOf<"ingest.ack">["error"]>, lastSequence: number): void {
    if (this.#rewoundTo === lastSequence) return;
    this.#rewind(lastSequence);
    this.#rewoundTo = lastSequence;
    if (error.code === "ingest_gap") {
      this.wake();
      return;
    }
    this.#options.onRefused?.(error);
    this.#pause(error.retryable ? this.#limits.retryMs : this.#limits.refusedMs);
  }

  #pause(delayMs: number): void {
    this.#cancelPause?.();
    this.#cancelPause = this.#options.timers.schedule(delayMs, () => {
      this.#cancelPause = undefined;
      this.#rewoundTo = null;
      this.wake();
    });
  }

  #rewind(sequence: number): void {
    this.#sent = sequence;
    this.#onTheWay = [];
    this.#timeout?.();
    this.#timeout = undefined;
  }

  async #fill(): Promise<void> {
    const { journal, send } = this.#options;
    while (this.#mayRead()) {
      const from = this.#sent;
      const journalId = journal.journalId;
      const entries = await journal.read(from, {
        maxEntries: INGEST_BATCH_MAX_ENTRIES,
        maxBytes: this.#limits.batchMaxBytes,
      });
      // Things may have moved while the disk was read.
      if (!this.#mayRead() || this.#sent !== from || journal.journalId !== journalId) continue;
      const [first] = entries;
      const last = entries.at(-1);
      if (first === undefined || last === undefined || first.sequence !== from + 1) {
        this.disconnected();
        this.#options.onUnusable(from);
        return;
      }
      if (!send({ journalId, firstSequence: first.sequence, entries })) return;
      this.#sent = last.sequence;
      this.#onTheWay.push(last.sequence);
      if (this.#timeout === undefined) this.#armTimeout();
    }
  }

  #mayRead(): boolean {
    return (
      this.#connected &&
      this.#cancelPause === undefined &&
      this.#onTheWay.length < this.#limits.windowBatches &&
      this.#sent < this.#options.journal.lastSequence
    );
  }

  #armTimeout(): void {
    this.#timeout?.();
    this.#timeout = undefined;
    if (this.#onTheWay.length === 0) return;
    this.#timeout = this.#options.timers.schedule(this.#limits.acknowledgeTimeoutMs, () => {
      this.#timeout = undefined;
      this.#rewind(this.#options.journal.acknowledgedSequence);
      this.wake();
    });
  }

  #stopTimers(): void {
    this.#timeout?.();
    this.#timeout = undefined;
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }
}
