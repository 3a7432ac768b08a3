// Time for everything that watches a process: passed in, so that a test can shorten or drive it.
// Nothing in processes/ or providers/ reads a clock or sets a timer by another way.

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

export const delay = (timers: Timers, delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    timers.schedule(delayMs, resolve);
  });

/** The promise's value, or `undefined` after `timeoutMs`; the promise itself goes on. */
export const within = async <Value>(
  timers: Timers,
  timeoutMs: number,
  promise: Promise<Value>,
): Promise<Value | undefined> => {
  let stop = (): void => {};
  const late = new Promise<undefined>((resolve) => {
    stop = timers.schedule(timeoutMs, () => resolve(undefined));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop();
  }
};
