// Bounded concurrency for file system calls.

/** Runs `work` for every item, at most `inFlight` at once; the first failure is thrown after all have ended. */
export async function mapLimited<Item>(
  items: readonly Item[],
  inFlight: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (;;) {
      const item = items[next];
      next += 1;
      if (next > items.length || item === undefined) return;
      await work(item);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(inFlight, items.length) }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
