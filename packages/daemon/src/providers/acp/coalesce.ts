// Slows repeated news about one thing down to one in an interval. The first goes out at once, the last always goes out.
import type { Timers } from "../../processes/index.ts";

interface Entry {
  sentMs: number;
  cancel: (() => void) | undefined;
  send: () => void;
}

export class Coalescer {
  readonly #timers: Timers;
  readonly #intervalMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(timers: Timers, intervalMs: number) {
    this.#timers = timers;
    this.#intervalMs = intervalMs;
  }

  /** Says that something was just sent for this key by another way. */
  mark(key: string): void {
    this.drop(key);
    this.#entries.set(key, { sentMs: this.#timers.nowMs(), cancel: undefined, send: () => {} });
  }

  /** Sends now or when the interval is over, then with what is true by then. */
  offer(key: string, send: () => void): void {
    const entry = this.#entries.get(key);
    if (entry?.cancel !== undefined) {
      entry.send = send;
      return;
    }
    const nowMs = this.#timers.nowMs();
    const waitMs = entry === undefined ? 0 : entry.sentMs + this.#intervalMs - nowMs;
    if (waitMs <= 0) {
      this.#entries.set(key, { sentMs: nowMs, cancel: undefined, send });
      send();
      return;
    }
    const waiting: Entry = { sentMs: nowMs, cancel: undefined, send };
    waiting.cancel = this.#timers.schedule(waitMs, () => {
      waiting.cancel = undefined;
      waiting.sentMs = this.#timers.nowMs();
      waiting.send();
    });
    this.#entries.set(key, waiting);
  }

  /** Forgets the key and what waits for it. */
  drop(key: string): void {
    this.#entries.get(key)?.cancel?.();
    this.#entries.delete(key);
  }

  /** Sends what waits for this key, or for all of them. */
  flush(only?: string): void {
    for (const [key, entry] of this.#entries) {
      if ((only !== undefined && key !== only) || entry.cancel === undefined) continue;
      entry.cancel();
      entry.cancel = undefined;
      entry.sentMs = this.#timers.nowMs();
      entry.send();
    }
  }
}
