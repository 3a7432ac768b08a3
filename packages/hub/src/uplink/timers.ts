// Time for the uplink, passed in so that a test can drive it.

export interface Timers {
  /** Milliseconds that only grow; the origin means nothing. */
  nowMs(): number;
  /** Runs once after the delay; the returned function takes it back and may be called twice. */
  schedule(delayMs: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  nowMs: () => performance.now(),
  schedule: (delayMs, run) => {
    const handle = setTimeout(run, delayMs);
    return () => clearTimeout(handle);
  },
};
