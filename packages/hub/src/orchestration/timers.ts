// Alarms, passed in like the clock, so that a test or a simulated world decides when their time has come.

export interface Timers {
  /** Calls back once after so many milliseconds, unless the returned function is called before. Holds no process open. */
  after(milliseconds: number, callback: () => void): () => void;
}

export const systemTimers: Timers = {
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
