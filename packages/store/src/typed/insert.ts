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

/**
 * As `insertRows`, for whole rows of one of the tables, by its schema. Throws `invalid_statement` for a row without one of
 * its columns.
 */
export const insertInto = <Tables extends Readonly<Record<string, Columns>>, Name extends keyof Tables & string>(
  dialect: Dialect,
  tables: Tables,
  name: Name,
  rows: readonly NewRow<Tables[Name]>[],
  options: InsertOptions<keyof Tables[Name] & string> = {},
): readonly Statement[] => {
  if (rows.length === 0) return [];
  // The type of a row is made from its table's columns, which the compiler cannot follow back.
  const named = rows as readonly object[] as readonly Readonly<Record<string, Parameter>>[];
  return insertNamed(dialect, name, Object.keys(tables[name] ?? {}), named, options);
};
