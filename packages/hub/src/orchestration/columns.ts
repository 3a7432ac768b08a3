// Column names and values between projection rows (camelCase, JSON parsed, booleans) and SQL (snake_case, JSON text,
// 0 and 1). One rule for all tables: no table has a shape of its own hidden somewhere.
import { PROJECTION_JSON_COLUMNS, type ProjectionRows, type ProjectionTable } from "@muster/core";
import type { Row, SqlValue } from "@muster/store";

const snakeNames = new Map<string, string>();

const snakeCase = (name: string): string => {
  let snake = snakeNames.get(name);
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    snakeNames.set(name, snake);
  }
  return snake;
};

/** SQL name of a projection's column. */
export const columnName = (table: ProjectionTable, column: string): string =>
  (PROJECTION_JSON_COLUMNS[table] as readonly string[]).includes(column)
    ? `${snakeCase(column)}_json`
    : snakeCase(column);

/** A row's value as a column holds it. */
export function toSql(table: ProjectionTable, column: string, value: unknown): SqlValue {
  if ((PROJECTION_JSON_COLUMNS[table] as readonly string[]).includes(column)) return JSON.stringify(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  return value as SqlValue;
}

const BOOLEAN_COLUMNS: ReadonlySet<string> = new Set(["is_streaming"]);

/** A projection's row as readers know it. `spaceId` is left out: it is the caller's own. */
export function fromSql<Table extends ProjectionTable>(_table: Table, row: Row): ProjectionRows[Table] {
  const result: Record<string, unknown> = {};
  for (const column of Object.keys(row)) {
    if (column === "space_id") continue;
    const value = row[column];
    const isJson = column.endsWith("_json");
    const name = (isJson ? column.slice(0, -5) : column).replace(/_([a-z])/g, (_match, letter: string) =>
      letter.toUpperCase(),
    );
    if (isJson) result[name] = typeof value === "string" ? JSON.parse(value) : value;
    else result[name] = BOOLEAN_COLUMNS.has(column) ? value === 1 : value;
  }
  return result as unknown as ProjectionRows[Table];
}
