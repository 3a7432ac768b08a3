// The newest part of the event log, read once for all feeds of this process. A commit only wakes it: what it holds is
// always read from the log, in sequence order, so a reader can trust that nothing smaller appears later.
import type { WireEvent } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import type { Store } from "@muster/store";
import { logQueries } from "./event-log.ts";
import { type ReadEvent, readEvent } from "./event-reader.ts";
import type { Timers } from "./timers.ts";

/** Events kept in memory for readers that are close behind. */
export const TAIL_EVENTS_MAX = 4_096;
/** Their JSON size together, about. */
export const TAIL_BYTES_MAX = 32 * 1024 * 1024;
/**
 * Events older than this are read from the log again, because pruning may have rewritten them there, and nobody tells
 * other processes. Half of the youngest age that pruning takes.
 */
export const TAIL_KEPT_MS = 12 * 60 * 60 * 1_000;
const OLD_EVENTS_CHECK_MS = 60_000;
/** What one batch of commands appends, about; more is read in several steps. */
const PAGE_EVENTS = 512;
/** After a read that failed. */
const RETRY_MS = 1_000;

interface TailEntry {
  readonly event: WireEvent;
  readonly sizeBytes: number;
}

export class LogTail {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #cancelRetry: (() => void) | null = null;
  readonly #onBug: (error: unknown) => void;
  readonly #readEvent: ReadEvent;
  #entries: TailEntry[] = [];
  #bytes = 0;
  #head = 0;
  #reading: Promise<void> | null = null;
  #wokenAgain = false;
  #isOpen = false;
  #isClosed = false;
  #checkedAt = 0;
  readonly #waiters = new Set<(events: readonly WireEvent[]) => void>();

  constructor(
    store: Store,
    clock: Clock,
    timers: Timers,
    onBug: (error: unknown) => void,
    read: ReadEvent = readEvent,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#timers = timers;
    this.#onBug = onBug;
    this.#readEvent = read;
  }

  /** Reads where the log ends now. */
  async open(): Promise<void> {
    const [row] = await this.#store.read(logQueries.head(this.#store.dialect, {}));
    this.#head = row?.head ?? 0;
    this.#isOpen = true;
    if (this.#wokenAgain) this.#wakeAgain();
  }

  /** Sequence of the newest event seen. */
  get head(): number {
    return this.#head;
  }

  /** Something was committed, here or by another process: look. */
  wake(): void {
    if (this.#isClosed) return;
    // Before it is open it would read the log from its beginning.
    if (this.#reading !== null || !this.#isOpen) {
      this.#wokenAgain = true;
      return;
    }
    this.#reading = this.#readOn().finally(() => {
      this.#reading = null;
      if (this.#wokenAgain) this.#wakeAgain();
    });
  }

  #wakeAgain(): void {
    this.#wokenAgain = false;
    this.wake();
  }

  /** Resolves when the log has been read as it stood at the call, or later. */
  async refresh(): Promise<void> {
    this.wake();
    const isBehind = this.#wokenAgain;
    await this.#reading;
    if (isBehind) await this.#reading;
  }

  /** Reads no more; resolves when the last read is over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry?.();
    await this.#reading;
  }

  /** Events above `sequence`, oldest first, or null where memory does not reach back that far. */
  after(sequence: number): readonly TailEntry[] | null {
    this.#forgetOld();
    const first = this.#entries[0]?.event.sequence ?? this.#head + 1;
    if (sequence < first - 1) return null;
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.event.sequence ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return this.#entries.slice(low);
  }

  /** Calls back after every growth with what is new, until the returned function is called. */
  watch(listener: (events: readonly WireEvent[]) => void): () => void {
    this.#waiters.add(listener);
    return () => this.#waiters.delete(listener);
  }

  async #readOn(): Promise<void> {
    try {
      for (;;) {
        const page = { after: this.#head, limit: PAGE_EVENTS };
        const rows = await this.#store.read(logQueries.after(this.#store.dialect, page));
        const events: WireEvent[] = [];
        for (const row of rows) {
          const event = this.#readEvent(row);
          events.push(event);
          const sizeBytes = row.payload_json.length + 512;
          this.#entries.push({ event, sizeBytes });
          this.#bytes += sizeBytes;
          this.#head = event.sequence;
        }
        this.#shrink();
        if (rows.length > 0) for (const listener of [...this.#waiters]) listener(events);
        if (rows.length < PAGE_EVENTS) return;
      }
    } catch (error) {
      this.#onBug(error);
      // Nobody may commit for a long time, and what is there already must not stay unseen so long.
      this.#cancelRetry?.();
      if (!this.#isClosed) this.#cancelRetry = this.#timers.after(RETRY_MS, () => this.wake());
    }
  }

  #forgetOld(): void {
    const now = this.#clock.now();
    if (now - this.#checkedAt < OLD_EVENTS_CHECK_MS) return;
    this.#checkedAt = now;
    const before = isoTime(now - TAIL_KEPT_MS);
    const young = this.#entries.findIndex(({ event }) => event.occurredAt >= before);
    const drop = young < 0 ? this.#entries.length : young;
    for (const { sizeBytes } of this.#entries.slice(0, drop)) this.#bytes -= sizeBytes;
    if (drop > 0) this.#entries = this.#entries.slice(drop);
  }

  #shrink(): void {
    let drop = Math.max(0, this.#entries.length - TAIL_EVENTS_MAX);
    for (let index = 0; index < this.#entries.length; index += 1) {
      if (index >= drop && this.#bytes <= TAIL_BYTES_MAX) break;
      this.#bytes -= this.#entries[index]?.sizeBytes ?? 0;
      drop = Math.max(drop, index + 1);
    }
    if (drop > 0) this.#entries = this.#entries.slice(drop);
  }
}
