import { expect, test } from "vitest";
import { parserOf } from "./values.ts";

const parse = (typeId: number, text: string) => parserOf(typeId)(text);

test.each([
  ["a boolean", 16, "t", 1],
  ["a boolean", 16, "f", 0],
  ["a large integer that is exact", 20, "9007199254740991", 9_007_199_254_740_991],
  ["a larger one", 20, "9007199254740993", 9_007_199_254_740_993n],
  ["the smallest", 20, "-9223372036854775808", -9_223_372_036_854_775_808n],
  ["a small integer", 23, "-7", -7],
  ["a sum", 1700, "12345678901234567890", 12_345_678_901_234_567_890n],
  ["a mean", 1700, "2.5", 2.5],
  ["a real number", 701, "0.1", 0.1],
  ["a time", 1184, "2026-01-02 03:04:05.678901+00", "2026-01-02T03:04:05.678Z"],
  ["a time without a zone", 1114, "2026-01-02 03:04:05", "2026-01-02T03:04:05.000Z"],
  ["a text", 25, "007", "007"],
  ["JSON, as its text", 3802, '{"a": 1}', '{"a": 1}'],
])("%s reads as the SQLite adapter would give it", (_, typeId, text, expected) => {
  expect(parse(typeId, text)).toBe(expected);
});

test("bytes are a copy of their own", () => {
  const bytes = parse(17, "\\x00ff7f");
  expect(bytes).toEqual(new Uint8Array([0, 255, 127]));
  expect((bytes as Uint8Array).buffer.byteLength).toBe(3);
});
