// One connection to one database file, with its prepared statements. Synchronous and internal: nothing outside
// sqlite/ sees it, so that all of sqlite/ can move behind a worker thread.
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Row, SqlValue } from "../port.ts";
import { BUSY_TIMEOUT_MS, PREPARED_STATEMENTS_MAX } from "./limits.ts";

interface Prepared {
  readonly statement: StatementSync;
  /** Names of its rows' columns; asking costs more than a row, so it is done once. */
  columns: readonly string[];
  readsBigInts: boolean;
}

/** SQLite's own objects are slow to make and to read; these are made from its arrays in a third of the time less. */
const rowsOf = (columns: readonly string[], lists: readonly (readonly SqlValue[])[]): Row[] =>
  lists.map((values) => {
    const row: Record<string, SqlValue> = {};
    for (let index = 0; index < columns.length; index += 1) row[columns[index] as string] = values[index] as SqlValue;
    return row;
  });

const outOfRange = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_OUT_OF_RANGE";

/** Integers that a number holds exactly come out as numbers, so that a column's type does not hang on another row's value. */
const withSmallIntegersAsNumbers = (row: Row): Row => {
  const plain: Record<string, SqlValue> = {};
  for (const [column, value] of Object.entries(row)) {
    plain[column] = typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  return plain;
};

export class Connection {
  readonly #database: DatabaseSync;
  /** In order of last use, oldest first. */
  readonly #prepared = new Map<string, Prepared>();

  constructor(path: string, options: { readonly readOnly: boolean }) {
    this.#database = new DatabaseSync(path, {
      readOnly: options.readOnly,
      timeout: BUSY_TIMEOUT_MS,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
    });
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Runs statements that return nothing and are not worth keeping prepared. */
  execute(sql: string): void {
    // Anything but a setting may be about the schema.
    if (!sql.startsWith("PRAGMA")) this.#prepared.clear();
    this.#database.exec(sql);
  }

  /** Rows of a query that changes nothing. Integers beyond 2^53 come as bigint. */
  all(sql: string, parameters: readonly SqlValue[]): readonly Row[] {
    const prepared = this.#prepare(sql);
    this.#setBigInts(prepared, false);
    try {
      return this.#rows(prepared, parameters);
    } catch (error) {
      if (!outOfRange(error)) throw error;
      return this.returning(sql, parameters);
    }
  }

  /** Like `all`, reading integers exactly from the start: for a statement that must not run twice. */
  returning(sql: string, parameters: readonly SqlValue[]): readonly Row[] {
    const prepared = this.#prepare(sql);
    this.#setBigInts(prepared, true);
    return this.#rows(prepared, parameters).map(withSmallIntegersAsNumbers);
  }

  /** Number of rows changed. */
  run(sql: string, parameters: readonly SqlValue[]): number {
    const prepared = this.#prepare(sql);
    this.#setBigInts(prepared, false);
    return Number(prepared.statement.run(...parameters).changes);
  }

  close(): void {
    this.#prepared.clear();
    this.#database.close();
  }

  #rows(prepared: Prepared, parameters: readonly SqlValue[]): Row[] {
    const lists = prepared.statement.all(...parameters) as unknown as SqlValue[][];
    const [first] = lists;
    // Another number of columns: the schema has changed, and SQLite has prepared the statement anew.
    if (first !== undefined && first.length !== prepared.columns.length)
      prepared.columns = prepared.statement.columns().map(({ name }) => name);
    return rowsOf(prepared.columns, lists);
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) {
      this.#prepared.delete(sql);
      this.#prepared.set(sql, known);
      return known;
    }
    const prepared: Prepared = { statement: this.#database.prepare(sql), columns: [], readsBigInts: false };
    prepared.statement.setReturnArrays(true);
    if (this.#prepared.size >= PREPARED_STATEMENTS_MAX) {
      const oldest = this.#prepared.keys().next().value;
      if (oldest !== undefined) this.#prepared.delete(oldest);
    }
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  #setBigInts(prepared: Prepared, wanted: boolean): void {
    if (prepared.readsBigInts === wanted) return;
    prepared.statement.setReadBigInts(wanted);
    prepared.readsBigInts = wanted;
  }
}
