// Waiting and backing off, with time and chance passed in, so that tests need no real seconds.
import type { Clock } from "@muster/core";

export interface Timing extends Clock {
  /** Resolves after the time, or at once when the signal is aborted; never rejects. */
  wait(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

export const systemTiming: Timing = {
  now: () => Date.now(),
  random: () => Math.random(),
  wait: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal?.addEventListener("abort", done, { once: true });
    }),
};

/** `base` × 2^attempt up to `cap`, of which between half and all is waited, so that many clients don't come back at once. */
export function backoffMs(attempt: number, limits: { baseMs: number; capMs: number }, random: () => number): number {
  const full = Math.min(limits.capMs, limits.baseMs * 2 ** attempt);
  return Math.round(full * (0.5 + random() / 2));
}
