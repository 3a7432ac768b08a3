// The store port over threads: one that writes, a few that read, and a connection in the calling thread for reads by
// key, which cost less than the journey. Everything that may wait for the disk's sync or take long is elsewhere, so
// the event loop stays free. A read that follows an answered commit sees it: all connections share one file.
import { availableParallelism } from "node:os";
import type { MigrationReport, MigrationSet, MigrationStamp } from "../../migrations/set.ts";
import type { Answers, Batch, CommitResult, Query, QueryOf, Row, Scratch, Store } from "../../port.ts";
import { StoreThread } from "../../threads/thread.ts";
import type { Connection } from "../connection.ts";
import { CALLER_AND_WRITER, READER_THREADS } from "../limits.ts";
import { closedError, readAll } from "../reading.ts";
import { encodeBatch } from "./batches.ts";
import type { Results, SqliteTask, Work } from "./messages.ts";
import { decodeRows } from "./rows.ts";
import { Turns } from "./turns.ts";

const WORKER = new URL("./worker.ts", import.meta.url);
type SqliteThread = StoreThread<Work, Results>;
const startThread = (task: SqliteTask): SqliteThread => new StoreThread(task, WORKER);

export class ThreadedStore implements Store {
  readonly dialect = "sqlite";
  readonly #path: string;
  readonly #writer: SqliteThread;
  readonly #readers: readonly SqliteThread[];
  /** Preparing keeps a processor busy: the caller and the writer have the others. */
  readonly #preparers: readonly SqliteThread[];
  readonly #turns = new Turns();
  /** For reads by key; null when closed. */
  #here: Connection | null = null;

  readonly prepare?: NonNullable<Store["prepare"]>;
  readonly openScratch?: NonNullable<Store["openScratch"]>;
  readonly #scratches = new Set<SqliteThread>();
  /** While a scratch commits: then the writer would only wait for its lock, and not for longer than SQLite waits. */
  #others: Promise<unknown> | null = null;

  constructor(path: string, preparer: URL | undefined) {
    this.#path = path;
    this.#writer = startThread({ role: "writer", path, preparer: null });
    const preparers = preparer === undefined ? 0 : Math.max(1, availableParallelism() - CALLER_AND_WRITER);
    this.#readers = Array.from({ length: READER_THREADS }, (_one, place) => {
      const module = preparer !== undefined && place < preparers ? preparer.href : null;
      return startThread({ role: "reader", path, preparer: module });
    });
    this.#preparers = this.#readers.slice(0, preparers);
    if (preparer === undefined) return;
    this.prepare = (request) => this.#prepare(request);
    this.openScratch = () => this.#openScratch(preparer);
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

  async read<Found extends object = Row>(query: QueryOf<Found>): Promise<readonly Found[]> {
    return ((await this.#reading([query], false))[0] ?? []) as readonly unknown[] as readonly Found[];
  }

  async readTransaction<const Queries extends readonly Query[]>(queries: Queries): Promise<Answers<Queries>> {
    return (await this.#reading(queries, true)) as Answers<Queries>;
  }

  async commit(batch: Batch): Promise<CommitResult> {
    this.#open();
    while (this.#others !== null) {
      await this.#others;
      this.#open();
    }
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
    await Promise.all([...this.#scratches, ...this.#readers].map((thread) => thread.close()));
    here?.close();
    // Last, so that it copies the log into the database and removes it.
    await this.#writer.close();
  }

  #open(): Connection {
    if (this.#here === null) throw closedError(this.#path);
    return this.#here;
  }

  async #prepare(request: unknown): Promise<Uint8Array<ArrayBuffer> | null> {
    this.#open();
    return leastBusy(this.#preparers).call({ kind: "prepare", request });
  }

  async #openScratch(preparer: URL): Promise<Scratch> {
    this.#open();
    const thread = startThread({ role: "scratch", path: this.#path, preparer: preparer.href });
    this.#scratches.add(thread);
    const close = async (): Promise<void> => {
      this.#scratches.delete(thread);
      await thread.close();
    };
    try {
      await thread.open();
    } catch (error) {
      await close();
      throw error;
    }
    const commit = async (batch: Batch): Promise<CommitResult> => {
      while (this.#others !== null) await this.#others;
      this.#open();
      const committing = thread.call({ kind: "commit", batch: encodeBatch(batch) });
      const others = committing.then(
        () => undefined,
        () => undefined,
      );
      this.#others = others;
      try {
        return await committing;
      } finally {
        this.#others = null;
      }
    };
    return { work: (request) => thread.call({ kind: "work", request }), commit, close };
  }

  async #reading(queries: readonly Query[], isTransaction: boolean): Promise<readonly (readonly Row[])[]> {
    const here = this.#open();
    if (queries.every(({ isKeyed }) => isKeyed === true)) return readAll(here, queries, isTransaction);
    const encoded = await leastBusy(this.#readers).call({ kind: "read", queries, isTransaction });
    if (typeof encoded === "string") await this.#turns.next();
    return decodeRows(encoded);
  }
}

const leastBusy = (threads: readonly SqliteThread[]): SqliteThread =>
  threads.reduce((least, thread) => (thread.waiting < least.waiting ? thread : least));
