// The newest of many values per key, at most once in an interval, and never none: what came last is always let through.
// The interval grows with what has been going on for long: half of its age, within limits, so that an hour of news is
// not recorded as often as its first minute.
import type { Timers } from "../processes/index.ts";

interface Entry<Value> {
  readonly begunMs: number;
  passedMs: number;
  waiting: Value | undefined;
  cancel: (() => void) | undefined;
}

export class Throttle<Value> {
  readonly #timers: Timers;
  readonly #intervalMs: number;
  readonly #intervalMaxMs: number;
  readonly #pass: (value: Value) => void;
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(options: {
    readonly timers: Timers;
    readonly intervalMs: number;
    readonly intervalMaxMs: number;
    readonly pass: (value: Value) => void;
  }) {
    this.#timers = options.timers;
    this.#intervalMs = options.intervalMs;
    this.#intervalMaxMs = options.intervalMaxMs;
    this.#pass = options.pass;
  }

  /** Something of this key was let through by another way just now. */
  touch(key: string): void {
    const known = this.#entries.get(key);
    known?.cancel?.();
    const passedMs = this.#timers.nowMs();
    this.#entries.set(key, { begunMs: known?.begunMs ?? passedMs, passedMs, waiting: undefined, cancel: undefined });
  }

  offer(key: string, value: Value): void {
    const nowMs = this.#timers.nowMs();
    const entry = this.#entries.get(key);
    if (entry === undefined || nowMs - entry.passedMs >= this.#intervalOf(entry)) {
      this.touch(key);
      this.#pass(value);
      return;
    }
    entry.waiting = value;
    entry.cancel ??= this.#timers.schedule(entry.passedMs + this.#intervalOf(entry) - nowMs, () => this.#release(key));
  }

  /** Forgets what waits for the key: something newer says it all. */
  drop(key: string): void {
    this.#entries.get(key)?.cancel?.();
    this.#entries.delete(key);
  }

  /** Lets everything through that waits, and forgets all keys. */
  flush(): void {
    for (const key of [...this.#entries.keys()]) {
      this.#release(key);
      this.drop(key);
    }
  }

  #intervalOf({ begunMs, passedMs }: Entry<Value>): number {
    return Math.min(this.#intervalMaxMs, Math.max(this.#intervalMs, (passedMs - begunMs) / 2));
  }

  #release(key: string): void {
    const entry = this.#entries.get(key);
    if (entry?.waiting === undefined) return;
    const value = entry.waiting;
    this.touch(key);
    this.#pass(value);
  }
}
