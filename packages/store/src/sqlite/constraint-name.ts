// Names the rule that a statement broke, as PostgreSQL would name it: SQLite tells columns only, so a unique
// index is looked up by its columns. Keys are `<table>_pkey`, missing values `<table>_<column>_not_null`.
import type { Connection } from "./connection.ts";

const CHECK = 275;
const NOT_NULL = 1299;
const PRIMARY_KEY = 1555;
const UNIQUE = 2067;
const ROW_ID = 2579;

/** `UNIQUE constraint failed: t.a, t.b` → table and columns. */
const tableAndColumns = (
  message: string,
): { readonly table: string; readonly columns: readonly string[] } | undefined => {
  const parts = message.slice(message.indexOf(": ") + 2).split(", ");
  const dot = parts[0]?.indexOf(".") ?? -1;
  if (dot <= 0) return undefined;
  const table = parts[0]?.slice(0, dot) ?? "";
  return { table, columns: parts.map((part) => part.slice(table.length + 1)) };
};

const uniqueIndexName = (connection: Connection, table: string, columns: readonly string[]): string | undefined => {
  const rows = connection.all(
    `SELECT list.name AS name, group_concat(info.name, ',' ORDER BY info.seqno) AS columns
       FROM pragma_index_list(?) AS list, pragma_index_info(list.name) AS info
      WHERE list."unique" = 1 AND list.origin <> 'pk' GROUP BY list.name`,
    [table],
  );
  const names = rows.filter((row) => row["columns"] === columns.join(",")).map((row) => String(row["name"]));
  const name = names[0];
  // Two indexes over the same columns: no telling which.
  if (name === undefined || names.length > 1) return undefined;
  return name.startsWith("sqlite_autoindex_") ? `${table}_${columns.join("_")}_key` : name;
};

/**
 * Name of the broken rule; undefined where SQLite does not tell (foreign keys) or two unique indexes cover the same
 * columns.
 */
export const constraintName = (connection: Connection, resultCode: number, message: string): string | undefined => {
  if (resultCode === CHECK) return message.slice(message.indexOf(": ") + 2);
  if (resultCode !== UNIQUE && resultCode !== PRIMARY_KEY && resultCode !== ROW_ID && resultCode !== NOT_NULL)
    return undefined;
  const indexed = /: index '(.+)'$/.exec(message);
  if (indexed?.[1] !== undefined) return indexed[1];
  const found = tableAndColumns(message);
  if (found === undefined) return undefined;
  if (resultCode === NOT_NULL) return `${found.table}_${found.columns.join("_")}_not_null`;
  return resultCode === UNIQUE ? uniqueIndexName(connection, found.table, found.columns) : `${found.table}_pkey`;
};
