import { describe, expect, expectTypeOf, test } from "vitest";
import type { StoreError } from "../port.ts";
import { allocatable, integer, nullable, pick, required, text } from "./columns.ts";
import { insertInto } from "./insert.ts";
import { change, declaredStatements, list, returnedRows, select } from "./statement.ts";

const turns = {
  turn_id: text<"t1" | "t2">(),
  status: text(),
  turn_count: nullable(integer()),
} as const;
const invalid = expect.objectContaining({ code: "invalid_statement" } satisfies Partial<StoreError>);

describe("a declared statement (ORC-14)", () => {
  const countOf = select({
    request: { turnId: turns.turn_id, status: text() },
    row: pick(turns, "turn_count"),
    sql: "SELECT turn_count FROM turns WHERE turn_id = :turnId AND status <> :status AND turn_id = :turnId",
  });

  test("puts values where their names stand, as often as they stand", () => {
    expect(countOf("sqlite", { turnId: "t1", status: "done" })).toEqual({
      sql: "SELECT turn_count FROM turns WHERE turn_id = ? AND status <> ? AND turn_id = ?",
      parameters: ["t1", "done", "t1"],
    });
    expect(countOf("postgres", { turnId: "t2", status: "done" })).toEqual({
      sql: "SELECT turn_count FROM turns WHERE turn_id = $1 AND status <> $2 AND turn_id = $3",
      parameters: ["t2", "done", "t2"],
    });
  });

  test("has one text, however often it is used", () => {
    const [first, second] = [
      countOf("sqlite", { turnId: "t1", status: "" }),
      countOf("sqlite", { turnId: "t2", status: "" }),
    ];
    expect(Object.is(first.sql, second.sql)).toBe(true);
  });

  test("types what it asks for and what it finds", () => {
    expectTypeOf(countOf).parameter(1).toEqualTypeOf<{ readonly turnId: "t1" | "t2"; readonly status: string }>();
    const found = countOf("sqlite", { turnId: "t1", status: "" }).found;
    expectTypeOf(found).toEqualTypeOf<{ readonly turn_count: number | null } | undefined>();
    const proven = select({
      request: {},
      row: { turn_count: required(turns.turn_count) },
      sql: "SELECT 1 AS turn_count",
    });
    expectTypeOf(proven("sqlite", {}).found).toEqualTypeOf<{ readonly turn_count: number } | undefined>();
  });

  test("has a text for each dialect where they differ", () => {
    const now = select({
      request: {},
      row: { now: text() },
      sql: { sqlite: "SELECT 'here' AS now", postgres: "SELECT 'there' AS now" },
    });
    expect(now("sqlite", {}).sql).toBe("SELECT 'here' AS now");
    expect(now("postgres", {}).sql).toBe("SELECT 'there' AS now");
  });

  test("leaves colons alone that are no names", () => {
    const cast = select({ request: {}, row: { a: text() }, sql: `SELECT '{"a":true}'::text AS a, 'it''s :b' AS b` });
    expect(cast("postgres", {}).parameters).toEqual([]);
  });

  test.each([
    ["a name that nobody gives", { request: {}, sql: "SELECT status FROM turns WHERE turn_id = :turnId" }],
    ["a value that nothing is done with", { request: { turnId: text() }, sql: "SELECT status FROM turns" }],
    ["a place instead of a name", { request: {}, sql: "SELECT status FROM turns WHERE turn_id = ?" }],
    ["a numbered place", { request: {}, sql: "SELECT status FROM turns WHERE turn_id = $1" }],
    [
      "a list of what must not be, which an empty one would turn around",
      { request: { ids: list(text(), 9) }, sql: "SELECT status FROM turns WHERE turn_id NOT IN (:ids)" },
    ],
  ])("is refused with %s", (_what, { request, sql }) => {
    expect(() =>
      select({ request: request as { turnId: typeof turns.status }, row: pick(turns, "status"), sql }),
    ).toThrow(invalid);
  });

  test("does not run without one of its values", () => {
    expect(() => countOf("sqlite", { turnId: "t1" } as { turnId: "t1"; status: string })).toThrow(invalid);
  });

  test("is listed with its module's others", () => {
    const sql = "DELETE FROM turns WHERE status = 'listed'";
    change({ request: {}, sql });
    expect(declaredStatements().at(-1)).toEqual({ kind: "change", request: {}, row: null, sql });
  });

  test("that changes says how many rows it must change, and takes numbers that the commit gives", () => {
    const move = change({
      request: { to: allocatable(), turnId: text() },
      sql: "UPDATE turns SET turn_count = :to WHERE turn_id = :turnId",
    });
    expect(move("sqlite", { to: { allocated: 2 }, turnId: "t1" }, { expectChanges: 1 })).toEqual({
      sql: "UPDATE turns SET turn_count = ? WHERE turn_id = ?",
      parameters: [{ allocated: 2 }, "t1"],
      expectChanges: 1,
    });
  });
});

describe("a change that gives rows back (ORC-14)", () => {
  const [end, count] = [
    change({ request: {}, row: pick(turns, "turn_id"), sql: "UPDATE turns SET status = 'ended' RETURNING turn_id" }),
    change({ request: {}, row: pick(turns, "turn_count"), sql: "DELETE FROM turns RETURNING turn_count" }),
  ];
  const statements = [change({ request: {}, sql: "DELETE FROM turns" })("sqlite", {}), end("sqlite", {})];

  test("says so, and its rows are found by it, with its types", () => {
    const last = count("postgres", {});
    expect(last).toEqual({ sql: "DELETE FROM turns RETURNING turn_count", parameters: [], returning: true });
    const rows = [[], [{ turn_id: "t1" }], [{ turn_count: 2 }]];
    const result = { status: "committed" as const, firstAllocated: 0, rows, changes: [0, 1, 1] };
    const found = returnedRows(result, [...statements, last], last);
    expect(found).toEqual([{ turn_count: 2 }]);
    expectTypeOf(found).toEqualTypeOf<readonly { readonly turn_count: number | null }[]>();
  });

  test("gives none where nothing was written", () => {
    const result = { status: "conflict" as const, failedGuards: [0], failedStatement: null };
    const last = count("sqlite", {});
    expect(returnedRows(result, [...statements, last], last)).toEqual([]);
  });
});

describe("a list of values (ORC-14)", () => {
  const some = select({
    request: { ids: list(text(), 5), status: text() },
    row: pick(turns, "turn_id"),
    sql: "SELECT turn_id FROM turns WHERE turn_id IN (:ids) AND status = :status",
  });

  test("has few texts: its last value fills a power of two", () => {
    expect(some("postgres", { ids: ["a", "b", "c"], status: "s" })).toEqual({
      sql: "SELECT turn_id FROM turns WHERE turn_id IN ($1, $2, $3, $4) AND status = $5",
      parameters: ["a", "b", "c", "c", "s"],
    });
    expect(some("sqlite", { ids: ["a"], status: "s" }).parameters).toEqual(["a", "s"]);
  });

  test("finds nothing where it is empty", () => {
    expect(some("sqlite", { ids: [], status: "s" })).toEqual({
      sql: "SELECT turn_id FROM turns WHERE turn_id IN (NULL) AND status = ?",
      parameters: ["s"],
    });
  });

  test("is refused beyond its limit", () => {
    expect(() => some("sqlite", { ids: ["a", "b", "c", "d", "e", "f"], status: "s" })).toThrow(invalid);
  });
});

test("rows to insert are given by column, in any order (ORC-14)", () => {
  const rows = [{ status: "running", turn_count: { allocated: 0 }, turn_id: "t1" as const }];
  expect(insertInto("sqlite", { turns }, "turns", rows)).toEqual([
    {
      sql: 'INSERT INTO "turns" ("turn_id", "status", "turn_count") VALUES (?, ?, ?)',
      parameters: ["t1", "running", { allocated: 0 }],
    },
  ]);
});

test("rows to insert with one key twice are refused where they would replace each other, by any column of the key", () => {
  const row = (turn: string, status: string) => ({ turn_id: turn as "t1", status, turn_count: 1 });
  const into = (...rows: readonly ReturnType<typeof row>[]) =>
    insertInto("sqlite", { turns }, "turns", rows, { conflict: { update: ["turn_count"], on: ["turn_id", "status"] } });
  expect(
    into(row("t1", "running"), row("t1", "queued"), row("t2", "running")).map(({ parameters }) => parameters),
  ).toEqual([
    ["t1", "running", 1, "t1", "queued", 1],
    ["t2", "running", 1],
  ]);
  expect(() => into(row("t1", "running"), row("t2", "running"), row("t1", "running"))).toThrow(invalid);
  expect(into()).toEqual([]);
});
