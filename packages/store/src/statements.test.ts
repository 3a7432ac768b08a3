import { describe, expect, test } from "vitest";
import { allocated } from "./allocation.ts";
import { INSERT_ROWS_MAX, insertRows, STATEMENT_PARAMETERS_MAX } from "./statements.ts";

const rowsOf = (count: number, columns = 2) =>
  Array.from({ length: count }, (_, row) => Array.from({ length: columns }, (_, column) => `${row}.${column}`));

describe("inserting rows", () => {
  test("writes quoted names and the dialect's placeholders", () => {
    const rows = [
      ["a", 1],
      ["b", 2],
    ];
    expect(insertRows("sqlite", "order", ["name", "total"], rows)).toEqual([
      { sql: 'INSERT INTO "order" ("name", "total") VALUES (?, ?), (?, ?)', parameters: ["a", 1, "b", 2] },
    ]);
    expect(insertRows("postgres", "order", ["name", "total"], rows)[0]?.sql).toBe(
      'INSERT INTO "order" ("name", "total") VALUES ($1, $2), ($3, $4)',
    );
  });

  test("says what happens to rows whose key exists", () => {
    const text = (conflict: Parameters<typeof insertRows>[4]) =>
      insertRows("sqlite", "t", ["a", "b"], [[1, 2]], conflict)[0]?.sql;
    expect(text({ conflict: "ignore" })).toBe('INSERT INTO "t" ("a", "b") VALUES (?, ?) ON CONFLICT DO NOTHING');
    expect(text({ conflict: { on: ["a"], update: ["b"] } })).toBe(
      'INSERT INTO "t" ("a", "b") VALUES (?, ?) ON CONFLICT ("a") DO UPDATE SET "b" = excluded."b"',
    );
  });

  test("keeps every row once, in order, in chunks of powers of two", () => {
    for (let count = 0; count <= 3 * INSERT_ROWS_MAX; count += 1) {
      const statements = insertRows("sqlite", "t", ["a", "b"], rowsOf(count));
      expect(statements.flatMap((statement) => statement.parameters)).toEqual(rowsOf(count).flat());
      for (const { parameters } of statements) expect(Math.log2(parameters.length / 2) % 1).toBe(0);
    }
  });

  test("needs few distinct texts for any number of rows, the same object each time", () => {
    const texts = new Set<string>();
    for (let count = 1; count <= 500; count += 1) {
      for (const { sql } of insertRows("sqlite", "t", ["a", "b"], rowsOf(count))) texts.add(sql);
    }
    expect(texts.size).toBe(Math.log2(INSERT_ROWS_MAX) + 1);
  });

  test("stays within a statement's parameters for a wide table", () => {
    const columns = Array.from({ length: 1_000 }, (_, index) => `c${index}`);
    const statements = insertRows("sqlite", "t", columns, rowsOf(100, 1_000));
    expect(Math.max(...statements.map((statement) => statement.parameters.length))).toBeLessThanOrEqual(
      STATEMENT_PARAMETERS_MAX,
    );
    expect(statements.flatMap((statement) => statement.parameters)).toHaveLength(100_000);
  });

  const invalid = expect.objectContaining({ name: "StoreError", code: "invalid_statement" });

  test("refuses a row of another length", () => {
    expect(() => insertRows("sqlite", "t", ["a", "b"], [[1, 2], [1]])).toThrow(invalid);
  });

  test("refuses a name that is none", () => {
    expect(() => insertRows("sqlite", 't"; DROP TABLE t', ["a"], [[1]])).toThrow(invalid);
    expect(() => insertRows("sqlite", "t", ["a b"], [[1]])).toThrow(invalid);
  });

  test("refuses an upsert that has one key twice, as PostgreSQL would", () => {
    const conflict = { on: ["a", "b"], update: ["c"] };
    const upsert = (...rows: readonly (readonly (string | number | { allocated: number })[])[]) =>
      insertRows("sqlite", "t", ["a", "b", "c"], rows, { conflict });
    expect(() => upsert(["x", 1, "c"], ["x", 1, "d"])).toThrow(invalid);
    expect(() => upsert(["x", allocated(0), "c"], ["x", allocated(0), "d"])).toThrow(invalid);
    expect(upsert(["x", 1, "c"], ["x", "1", "d"], ["x", allocated(1), "e"])).toHaveLength(2);
  });
});
