// Inserts whose rows are given by column, so that no caller counts places.

import type { Dialect } from "../identifiers.ts";
import type { AllocatedNumber, Parameter, Statement } from "../port.ts";
import { type InsertOptions, insertNamed } from "../statements.ts";
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
): readonly Statement[] =>
  // The type of a row is made from its table's columns, which the compiler cannot follow back.
  insertNamed(dialect, name, Object.keys(table), rows as readonly Readonly<Record<string, Parameter>>[], options);
