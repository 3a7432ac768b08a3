// One connection to one database file, with its prepared statements. Synchronous and internal: nothing outside
// sqlite/ sees it, so that all of sqlite/ can move behind a worker thread.
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Row, SqlValue } from "../port.ts";
import { BUSY_TIMEOUT_MS, PREPARED_STATEMENTS_MAX } from "./limits.ts";

interface Prepared {
  readonly statement: StatementSync;
  readsBigInts: boolean;
}

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
    this.#database.exec(sql);
  }

  /** Rows of a query that changes nothing. Integers beyond 2^53 come as bigint. */
  all(sql: string, parameters: readonly SqlValue[]): readonly Row[] {
    const prepared = this.#prepare(sql);
    this.#setBigInts(prepared, false);
    try {
      return prepared.statement.all(...parameters) as Row[];
    } catch (error) {
      if (!outOfRange(error)) throw error;
      return this.returning(sql, parameters);
    }
  }

  /** Like `all`, reading integers exactly from the start: for a statement that must not run twice. */
  returning(sql: string, parameters: readonly SqlValue[]): readonly Row[] {
    const prepared = this.#prepare(sql);
    this.#setBigInts(prepared, true);
    return (prepared.statement.all(...parameters) as Row[]).map(withSmallIntegersAsNumbers);
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

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) {
      this.#prepared.delete(sql);
      this.#prepared.set(sql, known);
      return known;
    }
    const prepared: Prepared = { statement: this.#database.prepare(sql), readsBigInts: false };
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
