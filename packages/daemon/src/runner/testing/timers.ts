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
