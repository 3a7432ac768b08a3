// The version floor.
import { expect, test } from "vitest";
import { isFloor, isLower } from "./floor.ts";

test("NOD-12 floors are compared as numbers, and none is the lowest", () => {
  expect(isLower("1.9", "1.10")).toBe(true);
  expect(isLower("1.10", "1.9")).toBe(false);
  expect(isLower("2.0", "1.99")).toBe(false);
  expect(isLower(null, "0.1")).toBe(true);
  expect(isLower("0.1", null)).toBe(false);
  expect(isLower(null, null)).toBe(false);
  expect(isLower("1.4", "1.4")).toBe(false);
});

test("a floor has a major and a minor number, and nothing else", () => {
  expect(["1.4", "10.0"].map(isFloor)).toEqual([true, true]);
  expect(["", "1", "1.4.2", "v1.4", "1.x"].map(isFloor)).toEqual([false, false, false, false, false]);
});
