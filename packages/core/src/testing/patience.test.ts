// What tests rest on when they wait and when they measure.
import { expect, it } from "vitest";
import { best, until } from "./patience.ts";

const measuring = (...tookMs: number[]) => {
  const left = [...tookMs];
  return { left, measure: async () => left.shift() ?? Number.NaN };
};

it("a measurement within the limit is the last one", async () => {
  const { left, measure } = measuring(120, 40, 10);
  expect(await best(100, measure)).toBe(40);
  expect(left).toEqual([10]);
});

it("what is too slow three times is too slow, and the limit itself is", async () => {
  const { left, measure } = measuring(120, 100, 130, 1);
  expect(await best(100, measure)).toBe(100);
  expect(left).toEqual([1]);
});

it("a wait ends with what was found, and with the fault of who asks", async () => {
  let asked = 0;
  const third = () => {
    asked += 1;
    return asked === 3 && `found at ${asked}`;
  };
  expect(await until("the third", third, 0)).toBe("found at 3");
  await expect(until("nothing", () => Promise.reject(new Error("it broke")))).rejects.toThrow("it broke");
});
