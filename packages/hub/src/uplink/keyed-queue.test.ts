import { expect, it } from "vitest";
import { KeyedQueue } from "./keyed-queue.ts";

it("does a few at a time in the order they came, and once what waits already", async () => {
  const queue = new KeyedQueue({ atOnceMax: 2 });
  const begun: string[] = [];
  const gates = new Map<string, () => void>();
  const add = (key: string): Promise<void> =>
    queue.add(key, () => {
      begun.push(key);
      return new Promise((resolve) => gates.set(key, resolve));
    });
  const [first, second, third, again, fourth] = [add("a"), add("b"), add("c"), add("c"), add("d")];
  expect(begun).toEqual(["a", "b"]);
  expect(again).toBe(third);
  gates.get("a")?.();
  await first;
  expect(begun).toEqual(["a", "b", "c"]);
  // One that has begun may have read too early for who asks now.
  const after = add("c");
  expect(after).not.toBe(third);
  for (const key of ["b", "c"]) gates.get(key)?.();
  await Promise.all([second, third]);
  expect(begun).toEqual(["a", "b", "c", "d", "c"]);
  for (const key of ["d", "c"]) gates.get(key)?.();
  await Promise.all([fourth, after]);
});
