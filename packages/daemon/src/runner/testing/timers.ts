// Time that a test moves by hand: what is due runs in order, inside `advance`.
import type { Timers } from "../../processes/index.ts";

export interface ManualTimers extends Timers {
  advance(byMs: number): void;
  /** Timers that are set. */
  readonly pending: number;
}

export const manualTimers = (): ManualTimers => {
  let nowMs = 0;
  let next = 0;
  const waiting = new Map<number, { dueMs: number; run: () => void }>();
  return {
    nowMs: () => nowMs,
    schedule: (delayMs, run) => {
      next += 1;
      const id = next;
      waiting.set(id, { dueMs: nowMs + Math.max(0, delayMs), run });
      return () => waiting.delete(id);
    },
    advance: (byMs) => {
      const endMs = nowMs + byMs;
      for (;;) {
        const due = [...waiting]
          .filter(([, item]) => item.dueMs <= endMs)
          .sort(([oneId, one], [otherId, other]) => one.dueMs - other.dueMs || oneId - otherId)[0];
        if (due === undefined) break;
        const [id, item] = due;
        waiting.delete(id);
        nowMs = Math.max(nowMs, item.dueMs);
        item.run();
      }
      nowMs = endMs;
    },
    get pending() {
      return waiting.size;
    },
  };
};

/** Time that passes by itself and can be skipped: what comes due by it runs in order. */
export interface SkippableTimers extends Timers {
  skip(byMs: number): void;
  /** Milliseconds until each timer that is set, shortest first. */
  readonly delaysMs: readonly number[];
}

export const skippableTimers = (): SkippableTimers => {
  let skippedMs = 0;
  const nowMs = (): number => performance.now() + skippedMs;
  interface Waiting {
    readonly dueMs: number;
    readonly run: () => void;
    handle: NodeJS.Timeout;
  }
  const waiting = new Set<Waiting>();
  const fire = (item: Waiting): void => {
    clearTimeout(item.handle);
    if (waiting.delete(item)) item.run();
  };
  return {
    nowMs,
    schedule: (delayMs, run) => {
      const item: Waiting = { dueMs: nowMs() + delayMs, run, handle: setTimeout(() => fire(item), delayMs) };
      waiting.add(item);
      return () => {
        clearTimeout(item.handle);
        waiting.delete(item);
      };
    },
    skip: (byMs) => {
      skippedMs += byMs;
      const all = [...waiting].sort((one, other) => one.dueMs - other.dueMs);
      for (const item of all) {
        if (!waiting.has(item)) continue;
        if (item.dueMs <= nowMs()) fire(item);
        else {
          clearTimeout(item.handle);
          item.handle = setTimeout(() => fire(item), item.dueMs - nowMs());
        }
      }
    },
    get delaysMs() {
      return [...waiting].map(({ dueMs }) => dueMs - nowMs()).sort((one, other) => one - other);
    },
  };
};
