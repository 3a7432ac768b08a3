// The store port over threads: one that writes, a few that read, and a connection in the calling thread for reads by
// key, which cost less than the journey. Everything that may wait for the disk's sync or take long is elsewhere, so
// the event loop stays free. A read that follows an answered commit sees it: all connections share one file.
import type { MigrationReport, MigrationSet, MigrationStamp } from "../../migrations/set.ts";
import type { Batch, CommitResult, Query, Row, Store } from "../../port.ts";
import type { Connection } from "../connection.ts";
import { READER_THREADS } from "../limits.ts";
import { closedError, readAll } from "../reading.ts";
import { encodeBatch } from "./batches.ts";
import { decodeRows } from "./rows.ts";
import { StoreThread } from "./thread.ts";
import { Turns } from "./turns.ts";

export class ThreadedStore implements Store {
  readonly dialect = "sqlite";
  readonly #path: string;
  readonly #writer: StoreThread;
  readonly #readers: readonly StoreThread[];
  readonly #turns = new Turns();
  /** For reads by key; null when closed. */
  #here: Connection | null = null;

  constructor(path: string) {
    this.#path = path;
    this.#writer = new StoreThread({ role: "writer", path });
    this.#readers = Array.from({ length: READER_THREADS }, () => new StoreThread({ role: "reader", path }));
  }

  /** Opens the file in every thread. `openHere` opens it in this one, when the file is there. Throws StoreError. */
  async open(openHere: () => Connection): Promise<void> {
    try {
      // First, because it makes the file.
      await this.#writer.open();
      this.#here = openHere();
      await Promise.all(this.#readers.map((reader) => reader.open()));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async read(query: Query): Promise<readonly Row[]> {
    return (await this.#reading([query], false))[0] ?? [];
  }

  readTransaction(queries: readonly Query[]): Promise<readonly (readonly Row[])[]> {
    return this.#reading(queries, true);
  }

  async commit(batch: Batch): Promise<CommitResult> {
    this.#open();
    return this.#writer.call({ kind: "commit", batch: encodeBatch(batch) });
  }

  async migrate(set: MigrationSet, stamp: MigrationStamp): Promise<MigrationReport> {
    this.#open();
    return this.#writer.call({ kind: "migrate", set, stamp });
  }

  /** Calls that were made before run to their end. */
  async close(): Promise<void> {
    const here = this.#here;
    this.#here = null;
    await Promise.all(this.#readers.map((reader) => reader.close()));
    here?.close();
    // Last, so that it copies the log into the database and removes it.
    await this.#writer.close();
  }

  #open(): Connection {
    if (this.#here === null) throw closedError(this.#path);
    return this.#here;
  }

  async #reading(queries: readonly Query[], isTransaction: boolean): Promise<readonly (readonly Row[])[]> {
    const here = this.#open();
    if (queries.every(({ isKeyed }) => isKeyed === true)) return readAll(here, queries, isTransaction);
    const encoded = await this.#reader().call({ kind: "read", queries, isTransaction });
    if (typeof encoded === "string") await this.#turns.next();
    return decodeRows(encoded);
  }

  /** The one that has the least to do. */
  #reader(): StoreThread {
    return this.#readers.reduce((least, reader) => (reader.waiting < least.waiting ? reader : least));
  }
}
