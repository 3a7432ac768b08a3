import { expect, test } from "vitest";
import { allocated } from "../../allocation.ts";
import type { Batch } from "../../port.ts";
import { decodeBatch, encodeBatch } from "./batches.ts";
import { decodeRows, encodeRows } from "./rows.ts";

const insert = "INSERT INTO notes VALUES (?, ?)";
const batchOf = (value: Batch["statements"][number]["parameters"][number]): Batch => ({
  guards: [{ query: { sql: "SELECT 1 AS one", parameters: ["a"] }, expected: [{ one: 1 }] }],
  allocation: { table: "notes", column: "id", count: 2 },
  statements: [
    { sql: insert, parameters: [allocated(0), "text \ud800 \0 \u2028"], returning: false, expectChanges: 1 },
    { sql: insert, parameters: [allocated(1), value], returning: true },
  ],
});
/** As it is after the journey. */
const across = <Value>(value: Value): Value => structuredClone(value);

test.each([
  ["a text", "text", "string"],
  ["nothing", null, "string"],
  ["a number", 1.5, "string"],
  ["bytes", Uint8Array.of(1, 2), "object"],
  ["an integer beyond 2^53", 2n ** 60n, "object"],
  ["a number without JSON", Number.POSITIVE_INFINITY, "object"],
  ["negative zero", -0, "object"],
])("a batch with %s arrives as it was", (_, value, form) => {
  const encoded = encodeBatch(batchOf(value));
  expect(typeof encoded).toBe(form);
  expect(decodeBatch(across(encoded))).toEqual(batchOf(value));
});

test("what is no value stays none, so that it is refused and not written as nothing", () => {
  const batch = batchOf(undefined as unknown as null);
  expect(decodeBatch(across(encodeBatch(batch))).statements[1]?.parameters).toEqual([allocated(1), undefined]);
});

test("a text of SQL travels once", () => {
  const statements = Array.from({ length: 100 }, () => ({ sql: insert, parameters: [1, "a"] }));
  expect(String(encodeBatch({ guards: [], statements })).split("INSERT").length - 1).toBe(1);
});

test.each([
  ["texts and numbers", { a: "1", b: 2, c: null }, "string"],
  ["bytes", { a: Uint8Array.of(7) }, "object"],
  ["an integer beyond 2^53", { a: 2n ** 60n }, "object"],
])("many rows with %s arrive as they were", (_, row, form) => {
  const sets = [Array.from({ length: 40 }, () => row), [{ other: 1 }], []];
  const encoded = encodeRows(sets);
  expect(typeof encoded).toBe(form);
  expect(decodeRows(across(encoded))).toEqual(sets);
});
