// The store port over `node:sqlite` in the calling thread: one writer connection, one reader. Calls run to their end
// when they are made, so concurrent commits are serial in the order of the calls; only the port's promises are visible
// outside.

import type { MigrationReport, MigrationSet, MigrationStamp } from "../migrations/set.ts";
import {
  type Answers,
  type Batch,
  type CommitResult,
  type Query,
  type QueryOf,
  type Row,
  type Store,
  StoreError,
} from "../port.ts";
import { commitBatch } from "./commit.ts";
import type { Connection } from "./connection.ts";
import { applyMigrations } from "./migrate.ts";
import type { Connections } from "./open.ts";
import { closedError, readAll } from "./reading.ts";

export class InlineStore implements Store {
  readonly dialect = "sqlite";
  readonly #path: string;
  #connections: Connections | undefined;

  constructor(path: string, connections: Connections) {
    this.#path = path;
    this.#connections = connections;
  }

  async read<Found extends object = Row>(query: QueryOf<Found>): Promise<readonly Found[]> {
    return (this.#reading([query], false)[0] ?? []) as readonly unknown[] as readonly Found[];
  }

  async readTransaction<const Queries extends readonly Query[]>(queries: Queries): Promise<Answers<Queries>> {
    return this.#reading(queries, true) as Answers<Queries>;
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
    if (this.#connections === undefined) throw closedError(this.#path);
    return this.#connections;
  }

  #writer(): Connection {
    const { writer } = this.#open();
    if (writer === undefined) throw new StoreError("unavailable", `${this.#path} was opened read-only`);
    return writer;
  }

  #reading(queries: readonly Query[], isTransaction: boolean): readonly (readonly Row[])[] {
    const { reader, writer } = this.#open();
    const isShared = reader === writer;
    try {
      if (isShared) reader.execute("PRAGMA query_only = ON");
      return readAll(reader, queries, isTransaction);
    } finally {
      if (isShared) reader.execute("PRAGMA query_only = OFF");
    }
  }
}
