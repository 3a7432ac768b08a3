// How long tests wait for what must become true. A wait is no assertion of speed: its limit only ends a test that would
// otherwise hang, so it is long enough for a machine that does ten times as much beside. What the product promises to do
// in a certain time is measured with `best`.

/** For one condition. */
export const PATIENCE_MS = 90_000;

/** For a test or a hook as a whole, which may have to wait more than once. */
export const TEST_MAX_MS = 300_000;

const LOOK_MS = 5;

/** Asks until the answer is there, and resolves with it; fails after `PATIENCE_MS` with what was waited for. */
export async function until<Found>(
  what: string,
  ask: () => Promise<Found | undefined | false> | Found | undefined | false,
  lookMs = LOOK_MS,
): Promise<Found> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`waited ${PATIENCE_MS / 1_000} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

const TRIES_MAX = 3;

/**
 * The shortest of up to three measurements, of which the first within the limit is the last: what runs beside a test can
 * make the product look slower than it is, never quicker.
 */
export async function best(limitMs: number, measure: () => Promise<number>): Promise<number> {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES_MAX && bestMs >= limitMs; tries += 1) bestMs = Math.min(bestMs, await measure());
  return bestMs;
}
