// Time that moves only when a test says so.
import type { Timing } from "../timing.ts";

export interface ManualTiming extends Timing {
  /** Moves time on, waking what is due in its order, and lets everything that follows from it happen. */
  advance(milliseconds: number): Promise<void>;
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

export function createManualTiming(): ManualTiming {
  let now = 1_000_000;
  const waiting = new Set<{ at: number; wake: () => void }>();
  return {
    now: () => now,
    random: () => 0.999,
    wait: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const entry = {
          at: now + milliseconds,
          wake: () => {
            waiting.delete(entry);
            signal?.removeEventListener("abort", entry.wake);
            resolve();
          },
        };
        waiting.add(entry);
        signal?.addEventListener("abort", entry.wake, { once: true });
      }),
    async advance(milliseconds) {
      const end = now + milliseconds;
      await settle();
      for (;;) {
        const [next] = [...waiting].filter(({ at }) => at <= end).sort((first, second) => first.at - second.at);
        if (next === undefined) break;
        now = Math.max(now, next.at);
        next.wake();
        await settle();
      }
      now = end;
    },
  };
}
