import { describe, expect, test } from "vitest";
import { allocated } from "../allocation.ts";
import { compile, compileStatement, queryBuilder } from "./queries.ts";

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
