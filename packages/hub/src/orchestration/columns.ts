// Column names and values between projection rows (camelCase, JSON parsed, booleans) and SQL (snake_case, JSON text,
// 0 and 1). One rule for all tables: no table has a shape of its own hidden somewhere.
import type { SpaceId } from "@muster/contracts";
import { PROJECTION_JSON_COLUMNS, type ProjectionRows, type ProjectionTable, type Where } from "@muster/core";
import type { SqlValue } from "@muster/store";
import { HUB_COLUMNS, type HubRow } from "../schema/index.ts";

type AnyRow = ProjectionRows[ProjectionTable];

/** Names of the fields that rows of projections have, and what they hold. */
export type Field = { [Table in ProjectionTable]: keyof ProjectionRows[Table] & string }[ProjectionTable];
export type FieldValue = {
  [Table in ProjectionTable]: ProjectionRows[Table][keyof ProjectionRows[Table]];
}[ProjectionTable];

/** Fields that a part of a row names. */
export const fieldsIn = (part: Partial<AnyRow> | Where<AnyRow>): readonly Field[] => Object.keys(part) as Field[];

/** The same, each with its value, or with the values of which it may have one. */
export const entriesIn = (
  part: Partial<AnyRow> | Where<AnyRow>,
): readonly (readonly [Field, FieldValue | readonly FieldValue[]])[] =>
  Object.entries(part) as [Field, FieldValue | readonly FieldValue[]][];

export const isListed = (value: FieldValue | readonly FieldValue[]): value is readonly FieldValue[] =>
  Array.isArray(value);

/** What a row holds in a field; undefined where it has none of that name. */
export const fieldOf = (row: Partial<AnyRow>, field: Field): FieldValue | undefined =>
  (row as { readonly [Name in Field]?: FieldValue })[field];

const snakeNames = new Map<string, string>();

const snakeCase = (name: string): string => {
  let snake = snakeNames.get(name);
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    snakeNames.set(name, snake);
  }
  return snake;
};

/** The column that holds a field. */
export const columnName = (table: ProjectionTable, field: Field): string =>
  holdsJson(table, field) ? `${snakeCase(field)}_json` : snakeCase(field);

const holdsJson = (table: ProjectionTable, field: Field): boolean =>
  (PROJECTION_JSON_COLUMNS[table] as readonly Field[]).includes(field);

/** A field's value as its column holds it. */
export function toSql(table: ProjectionTable, field: Field, value: FieldValue | undefined): SqlValue {
  if (holdsJson(table, field)) return JSON.stringify(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  // What is no JSON and no boolean is as the column holds it.
  return value as SqlValue;
}

const BOOLEAN_COLUMNS: ReadonlySet<string> = new Set(["is_streaming"]);

type Reading = "plain" | "json" | "boolean";
/** How each SQL column is read: a window has thousands of rows of the same few columns. */
const readings = new Map<string, ColumnPlan["fields"][number]>();

function readingOf(column: string): ColumnPlan["fields"][number] {
  let reading = readings.get(column);
  if (reading === undefined) {
    const isJson = column.endsWith("_json");
    const snake = isJson ? column.slice(0, -5) : column;
    const name = snake.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase()) as Field;
    reading = { name, as: isJson ? "json" : BOOLEAN_COLUMNS.has(column) ? "boolean" : "plain" };
    readings.set(column, reading);
  }
  return reading;
}

/** Of each SQL column but `space_id`, the field of a row that it holds. */
interface ColumnPlan {
  readonly columns: readonly string[];
  readonly fields: readonly { readonly name: Field; readonly as: Reading }[];
}
const plans = new Map<ProjectionTable, ColumnPlan>();

/** Names of a table's columns behind `space_id`, in the order in which `valuesOf` writes them. */
export function columnsOf(table: ProjectionTable): ColumnPlan {
  let plan = plans.get(table);
  if (plan === undefined) {
    const columns = HUB_COLUMNS[table].filter((column) => column !== "space_id");
    plan = { columns, fields: columns.map(readingOf) };
    plans.set(table, plan);
  }
  return plan;
}

/** A whole row, with `spaceId` in front. Throws where it lacks a column. */
export function valuesOf<Table extends ProjectionTable>(
  table: Table,
  spaceId: SpaceId,
  row: ProjectionRows[Table],
): SqlValue[] {
  const values: SqlValue[] = [spaceId];
  for (const { name, as } of columnsOf(table).fields) {
    const value = fieldOf(row, name);
    if (value === undefined) throw new Error(`a row for ${table} has no ${name}`);
    if (as === "json") values.push(JSON.stringify(value));
    else values.push(typeof value === "boolean" ? (value ? 1 : 0) : (value as SqlValue));
  }
  return values;
}

/** A projection's row as readers know it. `spaceId` is left out: it is the caller's own. */
export function fromSql<Table extends ProjectionTable>(_table: Table, row: HubRow<Table>): ProjectionRows[Table] {
  const result: Partial<Record<Field, unknown>> = {};
  for (const column in row) {
    if (column === "space_id") continue;
    const value: unknown = row[column];
    const { name, as } = readingOf(column);
    if (as === "plain") result[name] = value;
    else if (as === "boolean") result[name] = value === 1;
    else result[name] = typeof value === "string" ? JSON.parse(value) : value;
  }
  return result as unknown as ProjectionRows[Table];
}

/** Bytes of a row's JSON, at most and nearly, without parsing and writing what is JSON already. */
export function weightOfRow<Table extends ProjectionTable>(row: HubRow<Table>): number {
  // Braces and the comma behind them.
  let bytes = 3;
  let texts = "";
  for (const column in row) {
    if (column === "space_id") continue;
    const value: unknown = row[column];
    // The name's quotes, its colon and a comma.
    bytes += column.length + 4;
    const { as } = readingOf(column);
    if (as === "boolean") bytes += "false".length;
    else if (typeof value !== "string") bytes += String(value).length;
    else if (as === "json") bytes += Buffer.byteLength(value);
    else {
      bytes += 2;
      texts += value;
    }
  }
  return bytes + Buffer.byteLength(JSON.stringify(texts));
}
