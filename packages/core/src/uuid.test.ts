// UUIDv7s: their form, and their order within a millisecond, over a full counter and when the clock steps back.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Random } from "./ports.ts";
import { createIds } from "./uuid.ts";

const filledWith = (byte: number): Random => ({ fill: (bytes) => bytes.fill(byte) });
const counting = (): Random => {
  let next = 0;
  return {
    fill(bytes) {
      for (let index = 0; index < bytes.length; index += 1) bytes[index] = next++ % 256;
      return bytes;
    },
  };
};
const timeOf = (uuid: string): number => Number.parseInt(uuid.replace("-", "").slice(0, 12), 16);

describe("a new id", () => {
  it("is a UUID of version 7 and variant 2 that carries its millisecond (ORC-1)", () => {
    const now = Date.parse("2026-01-01T00:00:00.000Z");
    for (const byte of [0, 0x55, 0xff]) {
      const uuid = createIds({ now: () => now }, filledWith(byte)).next();
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(timeOf(uuid)).toBe(now);
    }
  });

  it("carries the time of RFC 9562's example", () => {
    const uuid = createIds({ now: () => 0x017f22e279b0 }, filledWith(0)).next();
    expect(uuid.startsWith("017f22e2-79b0-7")).toBe(true);
  });

  it("sorts after the one before it within a millisecond (ORC-1)", () => {
    const ids = createIds({ now: () => 1_000 }, counting());
    const made = Array.from({ length: 3_000 }, () => ids.next());
    expect(made).toEqual([...made].sort());
    expect(new Set(made).size).toBe(made.length);
  });

  it("sorts after the one before it when the counter of a millisecond is full (ORC-1)", () => {
    const ids = createIds({ now: () => 1_000 }, filledWith(0xff));
    const made = Array.from({ length: 10_000 }, () => ids.next());
    expect(made).toEqual([...made].sort());
    expect(timeOf(made.at(-1) ?? "")).toBeGreaterThan(1_000);
  });

  it("sorts after the one before it whatever the clock does (ORC-1)", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 47 }), { minLength: 2, maxLength: 50 }), (times) => {
        let now = 0;
        const ids = createIds({ now: () => now }, counting());
        const made = times.map((time) => {
          now = time;
          return ids.next();
        });
        expect(made).toEqual([...made].sort());
        expect(new Set(made).size).toBe(made.length);
      }),
    );
  });
});
