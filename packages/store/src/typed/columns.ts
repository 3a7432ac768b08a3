// What columns hold: one schema per table, from which come the types of its rows and of what statements ask for.
import type { AllocatedNumber, Parameter } from "../port.ts";

/** One column of a table or of an answer, or one value that a statement asks for. Booleans are integers, JSON and times are text. */
export interface Column<Value extends Parameter = Parameter> {
  readonly type: "text" | "integer";
  readonly isNullable: boolean;
  /** The statement's own condition keeps nulls of the table's column away. */
  readonly isRequired?: true;
  /** For the compiler alone: it is never there. */
  readonly held?: Value;
}

/** Columns by their names in the database, in its order. */
export type Columns = Readonly<Record<string, Column>>;

/** A row with exactly these columns, as the database holds it. */
export type RowOf<Found extends Columns> = {
  readonly [Name in keyof Found]: Found[Name] extends Column<infer Value> ? Value : never;
};

export const text = <Value extends string = string>(): Column<Value> => ({ type: "text", isNullable: false });

export const integer = <Value extends number = number>(): Column<Value> => ({ type: "integer", isNullable: false });

/** A number that a batch may leave to its allocation. Only for what is written: what is read is an `integer`. */
export const allocatable = (): Column<number | AllocatedNumber> => ({ type: "integer", isNullable: false });

/** The same, or null: a column that may be empty, or one of a table that is joined where it has a row. */
export const nullable = <Value extends Parameter>(column: Column<Value>): Column<Value | null> => ({
  type: column.type,
  isNullable: true,
});

/** A column that may be empty in its table, and is not in the rows that the statement's condition finds. */
export const required = <Value extends Parameter>(column: Column<Value>): Column<Exclude<Value, null>> => ({
  type: column.type,
  isNullable: false,
  isRequired: true,
});

/** Some columns of a table. */
export const pick = <Table extends Columns, Name extends keyof Table & string>(
  table: Table,
  ...names: readonly Name[]
): Pick<Table, Name> => Object.fromEntries(names.map((name) => [name, table[name]])) as Pick<Table, Name>;
