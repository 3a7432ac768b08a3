// The store: one port, its adapters, the migration engine, and the building of queries and statements.

export { allocated } from "./allocation.ts";
export { type Dialect, placeholder, quoteIdentifier } from "./identifiers.ts";
export { keyedReads } from "./keyed.ts";
export * from "./migrations/index.ts";
export * from "./port.ts";
export * from "./sqlite/index.ts";
export { type InsertOptions, insertRows, type OnConflict } from "./statements.ts";
export {
  allocatable,
  type Column,
  type Columns,
  integer,
  nullable,
  pick,
  type RowOf,
  required,
  text,
} from "./typed/columns.ts";
export { insertInto, type NewRow } from "./typed/insert.ts";
export {
  type Change,
  change,
  type Declaration,
  declaredStatements,
  list,
  type Request,
  returnedRows,
  type Select,
  type StatementText,
  select,
} from "./typed/statement.ts";
