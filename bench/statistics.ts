// What the benchmarks share: medians, percentiles and what they print.

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
};

export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** Of durations in milliseconds. */
export const latencyOf = (durations: readonly number[]): Latency => {
  const sorted = Float64Array.from(durations).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
};

/** N workers that take the next piece of work as soon as they have done one. */
export const drive = async (
  workers: number,
  work: (worker: number, turn: number) => Promise<boolean>,
): Promise<void> => {
  await Promise.all(
    Array.from({ length: workers }, async (_one, worker) => {
      for (let turn = 0; await work(worker, turn); turn += 1);
    }),
  );
};
