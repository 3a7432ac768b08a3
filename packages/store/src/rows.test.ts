import { describe, expect, test } from "vitest";
import { sameRows } from "./rows.ts";

describe("comparing rows", () => {
  test("takes order, columns and values into account, and nothing else", () => {
    const row = Object.assign(Object.create(null), { a: 1, b: "x" }) as { a: number; b: string };
    expect(sameRows([row], [{ b: "x", a: 1n }])).toBe(true);
    expect(sameRows([row], [{ a: 1 }])).toBe(false);
    expect(sameRows([row], [{ a: 1, b: "x", c: null }])).toBe(false);
    expect(sameRows([row], [{ a: 1, c: "x" }])).toBe(false);
    expect(sameRows([{ a: 1 }, { a: 2 }], [{ a: 2 }, { a: 1 }])).toBe(false);
    expect(sameRows([{ a: 1 }], [])).toBe(false);
    expect(sameRows([{ a: "1" }], [{ a: 1 }])).toBe(false);
    expect(sameRows([{ a: null }], [{ a: 0 }])).toBe(false);
  });
});
