// Inserts whose rows are given by column, so that no caller counts places.

import type { Dialect } from "../identifiers.ts";
import type { AllocatedNumber, Parameter, Statement } from "../port.ts";
import { type InsertOptions, insertRows } from "../statements.ts";
import type { Columns, RowOf } from "./columns.ts";

/** A row to write. A number may be one that the batch allocates. */
export type NewRow<Table extends Columns> = {
  readonly [Column in keyof Table]: number extends RowOf<Table>[Column]
    ? RowOf<Table>[Column] | AllocatedNumber
    : RowOf<Table>[Column];
};

/** As `insertRows`, for whole rows of a table with this schema. */
export const insertInto = <Table extends Columns>(
  dialect: Dialect,
  name: string,
  table: Table,
  rows: readonly NewRow<Table>[],
  options: InsertOptions = {},
): readonly Statement[] => {
  const columns = Object.keys(table);
  return insertRows(
    dialect,
    name,
    columns,
    rows.map((row) => columns.map((column) => row[column] as Parameter)),
    options,
  );
};
