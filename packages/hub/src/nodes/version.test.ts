import { expect, it } from "vitest";
import { isBelowFloor } from "./version.ts";

it("NOD-11 NOD-12 versions are compared with the floor as numbers, and no floor admits every version", () => {
  expect(isBelowFloor("0.1.0", null)).toBe(false);
  expect(isBelowFloor("nonsense", null)).toBe(false);
  expect(isBelowFloor("1.9", "1.10")).toBe(true);
  expect(isBelowFloor("1.10", "1.9")).toBe(false);
  expect(isBelowFloor("1.10.3", "1.10")).toBe(false);
  expect(isBelowFloor("2.0-rc1", "1.99")).toBe(false);
  expect(isBelowFloor("0.9", "1.0")).toBe(true);
  expect(isBelowFloor("nonsense", "0.0")).toBe(true);
});

it("NOD-12 a malformed floor fails loudly and never admits", () => {
  for (const floor of ["", "1", "1.2.3", "v1.2", "1.x"]) expect(() => isBelowFloor("9.9", floor)).toThrow("malformed");
});
