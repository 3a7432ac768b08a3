// How a process that serves waits and ends: at once when it is told to, and by force when that takes too long.
import type { Shell } from "../shell.ts";

/** An end that takes longer is forced, so that whoever supervises us need not wait. */
const CLOSE_LIMIT_MS = 4_500;

export async function endWith(shell: Shell, close: () => Promise<void>): Promise<void> {
  // Whatever still holds the process open by then is not worth waiting for.
  setTimeout(() => forceEnd(shell), CLOSE_LIMIT_MS).unref();
  await close();
}

function forceEnd(shell: Shell): never {
  shell.err.write("Muster did not end in time and was stopped; the next start cleans up.\n");
  return shell.endNow(1);
}

/** False when the time is over or the signal aborted first. Rejects as the promise does. */
export function within(milliseconds: number, promise: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), milliseconds);
    const stop = (): void => resolve(false);
    signal.addEventListener("abort", stop, { once: true });
    promise
      .then(() => resolve(true), reject)
      .finally(() => {
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
      });
  });
}

export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
