// The store port over `node:sqlite`: one writer connection, one reader. Calls run to their end when they are made, so
// concurrent commits are serial in the order of the calls; only the port's promises are visible outside.

import type { MigrationReport, MigrationSet, MigrationStamp } from "../migrations/set.ts";
import { type Batch, type CommitResult, type Query, type Row, type Store, StoreError } from "../port.ts";
import { commitBatch } from "./commit.ts";
import type { Connection } from "./connection.ts";
import { toStoreError } from "./errors.ts";
import { applyMigrations } from "./migrate.ts";
import { type Connections, openConnections, type SqliteOptions } from "./open.ts";

class SqliteStore implements Store {
  readonly dialect = "sqlite";
  readonly #path: string;
  #connections: Connections | undefined;

  constructor(path: string, connections: Connections) {
    this.#path = path;
    this.#connections = connections;
  }

  async read(query: Query): Promise<readonly Row[]> {
    return this.#reading((reader) => reader.all(query.sql, query.parameters));
  }

  async readTransaction(queries: readonly Query[]): Promise<readonly (readonly Row[])[]> {
    return this.#reading((reader) => {
      // DEFERRED: the snapshot is that of the first query, no lock is taken.
      reader.run("BEGIN DEFERRED", []);
      try {
        return queries.map((query) => reader.all(query.sql, query.parameters));
      } finally {
        if (reader.inTransaction) reader.run("ROLLBACK", []);
      }
    });
  }

  async commit(batch: Batch): Promise<CommitResult> {
    return commitBatch(this.#writer(), batch);
  }

  async migrate(set: MigrationSet, stamp: MigrationStamp): Promise<MigrationReport> {
    return applyMigrations(this.#writer(), set, stamp);
  }

  async close(): Promise<void> {
    const open = this.#connections;
    if (open === undefined) return;
    this.#connections = undefined;
    if (open.reader !== open.writer) open.reader.close();
    // Last, so that it copies the log into the database and removes it.
    open.writer?.close();
  }

  #open(): Connections {
    if (this.#connections === undefined) throw new StoreError("unavailable", `${this.#path} is closed`);
    return this.#connections;
  }

  #writer(): Connection {
    const { writer } = this.#open();
    if (writer === undefined) throw new StoreError("unavailable", `${this.#path} was opened read-only`);
    return writer;
  }

  #reading<Result>(work: (reader: Connection) => Result): Result {
    const { reader, writer } = this.#open();
    const shared = reader === writer;
    try {
      if (shared) reader.execute("PRAGMA query_only = ON");
      return work(reader);
    } catch (error) {
      throw toStoreError(error, "read");
    } finally {
      if (shared) reader.execute("PRAGMA query_only = OFF");
    }
  }
}

/**
 * Opens a database file of this process alone (a second process may read and migrate it, but two that write are slow).
 * Throws StoreError: `corrupt` for a file that is no database or fails its check, `unavailable` for one that can't be opened.
 */
export const openSqliteStore = async (options: SqliteOptions): Promise<Store> =>
  new SqliteStore(options.path, openConnections(options));
