import { describe, expect, test } from "vitest";
import { allocated, substitute } from "./allocation.ts";
import { compile, compileStatement, queryBuilder, template } from "./query.ts";
import { sameRows } from "./rows.ts";

interface Database {
  turns: { turn: string; status: string; count: number };
}
const sqlite = queryBuilder<Database>("sqlite");
const postgres = queryBuilder<Database>("postgres");
const invalid = expect.objectContaining({ name: "StoreError", code: "invalid_statement" });

describe("compiling a query", () => {
  test("gives each dialect its own text and the same values", () => {
    const parameters = ["t1"];
    expect(compile(sqlite.selectFrom("turns").select("status").where("turn", "=", "t1"))).toEqual({
      sql: 'select "status" from "turns" where "turn" = ?',
      parameters,
    });
    expect(compile(postgres.selectFrom("turns").select("status").where("turn", "=", "t1"))).toEqual({
      sql: 'select "status" from "turns" where "turn" = $1',
      parameters,
    });
  });

  test.each([[true], [new Date(0)], [{ a: 1 }]])("refuses a value that no column holds: %s", (value) => {
    expect(() =>
      compile(
        sqlite
          .selectFrom("turns")
          .selectAll()
          .where("turn", "=", value as unknown as string),
      ),
    ).toThrow(invalid);
  });

  test("lets an allocated number stand in a statement of a batch only", () => {
    const update = sqlite.updateTable("turns").set({ count: allocated(2) as unknown as number });
    expect(compileStatement(update, { expectChanges: 1 })).toEqual({
      sql: 'update "turns" set "count" = ?',
      parameters: [{ allocated: 2 }],
      expectChanges: 1,
    });
    expect(() => compile(update)).toThrow(invalid);
  });
});

describe("a template", () => {
  const settle = template<{ turn: string; status: string }>((value) =>
    sqlite
      .updateTable("turns")
      .set({ status: value("status"), count: 3 })
      .where("turn", "=", value("turn"))
      .where("status", "!=", value("status")),
  );

  test("puts values where their names stood, as often as they stood, beside the fixed ones", () => {
    expect(settle({ turn: "t1", status: "done" })).toEqual({
      sql: 'update "turns" set "status" = ?, "count" = ? where "turn" = ? and "status" != ?',
      parameters: ["done", 3, "t1", "done"],
    });
    expect(settle({ turn: "t2", status: "error" }).parameters).toEqual(["error", 3, "t2", "error"]);
  });

  test("refuses to run without one of its values", () => {
    expect(() => settle({ turn: "t1" } as { turn: string; status: string })).toThrow(invalid);
  });
});

describe("substituting allocated numbers", () => {
  test("leaves the given parameters alone", () => {
    const parameters = ["a", allocated(1), null, new Uint8Array([1])];
    expect(substitute(parameters, 10, 2)).toEqual(["a", 11, null, new Uint8Array([1])]);
    expect(parameters[1]).toEqual({ allocated: 1 });
  });

  test.each([-1, 2, 0.5, Number.NaN])("refuses number %d of two", (index) => {
    expect(() => substitute([allocated(index)], 10, 2)).toThrow(invalid);
  });
});

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
