// Work side by side, bounded, and always waited for: when an operation has thrown, none of its git
// processes or file system calls is still running.

/** As Promise.all, but it throws only when every promise has ended. */
export async function allEnded<Values extends readonly unknown[] | []>(
  promises: Values,
): Promise<{ -readonly [Index in keyof Values]: Awaited<Values[Index]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

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
