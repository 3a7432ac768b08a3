// Multi-row inserts with texts made once: rows go out in chunks whose sizes are powers of two, so that any number of
// rows needs few distinct texts and the prepared-statement cache stays warm.
import { isAllocatedNumber } from "./allocation.ts";
import { type Dialect, placeholder, quoteIdentifier } from "./identifiers.ts";
import { type Parameter, type Statement, StoreError } from "./port.ts";

/** Rows of one statement at most. Beyond 64 the gain per row is below the noise, and texts grow. */
export const INSERT_ROWS_MAX = 64;
/** SQLite's limit of parameters in one statement; PostgreSQL's is 65,535. */
export const STATEMENT_PARAMETERS_MAX = 32_766;

/**
 * What happens to a row whose key exists. `ignore`: nothing, it counts no change. `update`: those columns take the new
 * row's values; `on` names the columns of the unique key.
 */
export type OnConflict<Column extends string = string> =
  | "ignore"
  | { readonly update: readonly Column[]; readonly on: readonly Column[] };

export interface InsertOptions<Column extends string = string> {
  readonly conflict?: OnConflict<Column>;
  /** The caller has made sure that no two rows have one key, by a map for instance: it is not looked at again. */
  readonly areKeysDistinct?: boolean;
}

const texts = new Map<string, string>();

const conflictClause = (conflict: OnConflict | undefined): string => {
  if (conflict === undefined) return "";
  if (conflict === "ignore") return " ON CONFLICT DO NOTHING";
  const assignments = conflict.update.map(
    (column) => `${quoteIdentifier(column)} = excluded.${quoteIdentifier(column)}`,
  );
  return ` ON CONFLICT (${conflict.on.map(quoteIdentifier).join(", ")}) DO UPDATE SET ${assignments.join(", ")}`;
};

interface Target {
  readonly dialect: Dialect;
  readonly table: string;
  readonly columns: readonly string[];
  readonly conflict: OnConflict | undefined;
}

const buildText = ({ dialect, table, columns, conflict }: Target, rows: number): string => {
  const tuples: string[] = [];
  for (let row = 0; row < rows; row += 1) {
    tuples.push(`(${columns.map((_, column) => placeholder(dialect, row * columns.length + column)).join(", ")})`);
  }
  return `INSERT INTO ${quoteIdentifier(table)} (${columns.map(quoteIdentifier).join(", ")}) VALUES ${tuples.join(", ")}${conflictClause(conflict)}`;
};

const textOf = (target: Target, key: string, rows: number): string => {
  const known = texts.get(`${key}|${rows}`);
  if (known !== undefined) return known;
  const text = buildText(target, rows);
  texts.set(`${key}|${rows}`, text);
  return text;
};

const keyOf = ({ dialect, table, columns, conflict }: Target): string => {
  const rule =
    conflict === undefined || conflict === "ignore"
      ? String(conflict)
      : `${conflict.on.join(",")}>${conflict.update.join(",")}`;
  return `${dialect}|${table}|${columns.join(",")}|${rule}`;
};

/**
 * PostgreSQL refuses an upsert that meets one key twice; SQLite would take the last. The same answer for both. `keyPart`
 * gives of a row the n-th column of the key.
 */
const refuseRepeatedKeys = <Given>(
  table: string,
  on: readonly string[],
  rows: readonly Given[],
  keyPart: (row: Given, index: number) => Parameter | undefined,
): void => {
  if (rows.length < 2) return;
  const seen = new Set<string>();
  for (const row of rows) {
    let key = "";
    for (let index = 0; index < on.length; index += 1) {
      const value = keyPart(row, index);
      key += isAllocatedNumber(value) ? `#${value.allocated}\u0000` : `${typeof value}:${String(value)}\u0000`;
    }
    if (seen.has(key))
      throw new StoreError("invalid_statement", `two rows of one upsert into ${table} have the same ${on.join(", ")}`);
    seen.add(key);
  }
};

/** Largest power of two of rows that fits the limits. */
const largestChunk = (columns: number): number => {
  let size = INSERT_ROWS_MAX;
  while (size > 1 && size * columns > STATEMENT_PARAMETERS_MAX) size /= 2;
  return size;
};

/** `append` puts the values of a row behind others. */
const inChunks = <Given>(
  target: Target,
  rows: readonly Given[],
  append: (parameters: Parameter[], row: Given) => void,
): readonly Statement[] => {
  const key = keyOf(target);
  const statements: Statement[] = [];
  let size = largestChunk(target.columns.length);
  for (let start = 0; start < rows.length; start += size) {
    while (size > rows.length - start) size /= 2;
    const parameters: Parameter[] = [];
    for (let place = start; place < start + size; place += 1) append(parameters, rows[place] as Given);
    statements.push({ sql: textOf(target, key, size), parameters });
  }
  return statements;
};

/**
 * Statements that insert the rows, in order; none for no rows. Each row has a value per column, in the order of
 * `columns`. Texts are kept for the life of the process: table, columns and conflict come from the program, never from
 * input. Throws `invalid_statement` for a row of another length, a name that is none, or an upsert with one key twice.
 */
export const insertRows = (
  dialect: Dialect,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly Parameter[])[],
  { conflict, areKeysDistinct }: InsertOptions = {},
): readonly Statement[] => {
  const wrong = rows.find((row) => row.length !== columns.length);
  if (wrong !== undefined)
    throw new StoreError(
      "invalid_statement",
      `a row for ${table} has ${wrong.length} values for ${columns.length} columns`,
    );
  if (typeof conflict === "object" && areKeysDistinct !== true) {
    const positions = conflict.on.map((column) => columns.indexOf(column));
    refuseRepeatedKeys(table, conflict.on, rows, (row, index) => row[positions[index] ?? -1]);
  }
  return inChunks({ dialect, table, columns, conflict }, rows, (parameters, row) => {
    // A loop, because `flat` takes several times as long.
    for (const value of row) parameters.push(value);
  });
};

/** As `insertRows`, for rows whose values have the names of columns. */
export const insertNamed = <Column extends string>(
  dialect: Dialect,
  table: string,
  columns: readonly Column[],
  rows: readonly Readonly<Record<Column, Parameter>>[],
  { conflict, areKeysDistinct }: InsertOptions = {},
): readonly Statement[] => {
  if (rows.length === 0) return [];
  if (typeof conflict === "object" && areKeysDistinct !== true)
    refuseRepeatedKeys(table, conflict.on, rows, (row, index) => row[conflict.on[index] as Column]);
  return inChunks({ dialect, table, columns, conflict }, rows, (parameters, row) => {
    for (const column of columns) {
      const value = row[column];
      // One driver refuses it, the other one writes null.
      if (value === undefined) throw new StoreError("invalid_statement", `a row for ${table} has no ${column}`);
      parameters.push(value);
    }
  });
};
