// One rule from the fields of rows to the columns of tables and back, for types and for values.
import { PROJECTION_TABLES, type ProjectionRows, type ProjectionTable } from "@muster/core";
import { expect, expectTypeOf, test } from "vitest";
import { HUB_COLUMNS, type HubRow } from "../schema/index.ts";
import { columnName, columnsOf } from "./columns.ts";

type InWords<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<InWords<Rest>>}`
  : Name;
type FieldOf<Column extends string> = Column extends `${infer Name}_json` ? InWords<Name> : InWords<Column>;
/** What a column holds, as readers know it; of JSON only that it is some. */
type ReadAs<Column extends string, Value> = Column extends `${string}_json`
  ? "json"
  : [Value] extends [0 | 1]
    ? boolean
    : Value;
type Stored<Table extends ProjectionTable> = {
  -readonly [Column in Exclude<keyof HubRow<Table> & string, "space_id"> as FieldOf<Column>]: ReadAs<
    Column,
    HubRow<Table>[Column]
  >;
};
type Known<Table extends ProjectionTable> = {
  [Field in keyof ProjectionRows[Table]]: ProjectionRows[Table][Field] extends string | number | boolean | null
    ? ProjectionRows[Table][Field]
    : "json";
};

test("ORC-14 a projection's columns hold what its rows' fields hold, by the same names", () => {
  expectTypeOf<{ [Table in ProjectionTable]: Stored<Table> }>().toEqualTypeOf<{
    [Table in ProjectionTable]: Known<Table>;
  }>();
});

test.each(PROJECTION_TABLES)("ORC-14 the fields of %s lead to its columns and back", (table) => {
  const { columns, fields } = columnsOf(table);
  expect(["space_id", ...columns]).toEqual(HUB_COLUMNS[table]);
  expect(fields.map(({ name }) => columnName(table, name))).toEqual(columns);
});
