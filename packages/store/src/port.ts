// The store port. Reads are compiled queries; a write is data, not a callback: what must still be true (guards),
// what to number (allocation) and what to do (statements), so that the adapter may live in a worker thread or behind
// a network. Invariant: a commit happens whole or not at all, and guards are checked inside its transaction after its lock.

import type { MigrationReport, MigrationSet, MigrationStamp } from "./migrations/set.ts";

/**
 * What a column may hold on its way in: JSON and times are text already, booleans are 0 or 1. A number is for a numeric
 * column only: SQLite would write 5 into a text column as "5.0". Integers beyond 2^53 come and go as bigint.
 */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** The n-th number (from 0) of the batch's allocation: known only once the transaction holds the append lock. */
export interface AllocatedNumber {
  readonly allocated: number;
}

export type Parameter = SqlValue | AllocatedNumber;
export type Row = Readonly<Record<string, SqlValue>>;

/** A query in the adapter's own dialect. */
export interface Query {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  /**
   * Finds a few rows by a key, some kilobytes together. An adapter that reads in threads answers such a query where it
   * is called, because the journey costs more than the read. Changes nothing else.
   */
  readonly isKeyed?: boolean;
}

/** A query whose maker knows the rows that it finds. */
export interface QueryOf<Found extends object> extends Query {
  /** For the compiler alone: it is never there. */
  readonly found?: Found;
}

/** What several queries find, each in its place. */
export type Answers<Queries extends readonly Query[]> = {
  readonly [Place in keyof Queries]: readonly (Queries[Place] extends { readonly found?: infer Found extends object }
    ? Found
    : Row)[];
};

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
  /** True where the statement has RETURNING and its rows are wanted. */
  readonly returning?: boolean;
  /** The commit is refused with `changes_mismatch` when the statement changes another number of rows. */
  readonly expectChanges?: number;
}

/** A statement with RETURNING whose maker knows the rows that it gives back. */
export interface StatementOf<Found extends object> extends Statement {
  readonly returning: true;
  /** For the compiler alone: it is never there. */
  readonly found?: Found;
}

/** A fact the decision rests on: the query must still give exactly these rows, in this order. */
export interface Guard {
  readonly query: Query;
  readonly expected: readonly Row[];
}

export interface Allocation {
  readonly table: string;
  readonly column: string;
  readonly count: number;
}

export interface Batch {
  readonly guards: readonly Guard[];
  /** Consecutive numbers above the table's highest, taken under the lock. */
  readonly allocation?: Allocation;
  readonly statements: readonly Statement[];
  /**
   * Told to every process that listens, this one among them, once the commit can be read; to nobody where there is no commit.
   * Short texts without NUL: one above ANNOUNCEMENT_MAX_BYTES, and a batch with more than ANNOUNCEMENTS_MAX, is heard as
   * `null`. A store without `listen` tells nobody.
   */
  readonly announcements?: readonly string[];
}

/** Of one announcement in UTF-8: PostgreSQL takes 7,999. */
export const ANNOUNCEMENT_MAX_BYTES = 7_900;

/** Of one batch: whoever hears of more than that reads everything again, which is less work than one by one. */
export const ANNOUNCEMENTS_MAX = 1_024;

/** What a process wants to hear of commits, whoever made them. */
export interface Hearing {
  /** A hint to read, after commits that allocated numbers; one for any number of them, never data. */
  readonly onNumbers?: () => void;
  /** Each announcement once, in the order of the commits; null where some may have been missed: everything may have changed. */
  readonly onAnnouncement?: (announcement: string | null) => void;
}

export type CommitResult =
  | {
      readonly status: "committed";
      /** First number of the allocation; 0 without one. */
      readonly firstAllocated: number;
      /** Rows of each statement with `returning`, empty for the others, in order. */
      readonly rows: readonly (readonly Row[])[];
      /** Rows changed by each statement, in order. */
      readonly changes: readonly number[];
    }
  | {
      /** Nothing was written. */
      readonly status: "conflict";
      /** Indexes of guards that no longer hold; empty when a statement's `expectChanges` failed. */
      readonly failedGuards: readonly number[];
      readonly failedStatement: number | null;
    };

export type StoreErrorCode =
  /** A unique, check or foreign key rule; `constraint` names it where the database tells. Nothing was written. */
  | "constraint_violated"
  /** The connection broke during COMMIT: it may or may not have happened. */
  | "outcome_unknown"
  /** Locked, full, unreachable: nothing was written, trying again may help. */
  | "unavailable"
  /** The file is no database, or did not pass its check. */
  | "corrupt"
  /** The schema is newer than this program, or an applied migration was edited. */
  | "schema_mismatch"
  /** The statement itself is wrong: a bug. */
  | "invalid_statement";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  readonly constraint: string | undefined;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions & { readonly constraint?: string }) {
    super(message, options);
    this.code = code;
    this.constraint = options?.constraint;
  }
}

/** Makes the bytes of an answer from reads, or null where there is nothing to answer with. Throws what `Store.read` throws. */
export type Prepare = (
  reads: Pick<Store, "dialect" | "read" | "readTransaction">,
  request: unknown,
) => Promise<Uint8Array<ArrayBuffer> | null>;

/** What a piece of work beside the data has: the store to read, and its scratch to write. */
export type Workbench = Pick<Store, "dialect" | "read" | "readTransaction" | "commit">;

/** Does a long piece of work at a workbench, a step at a time. Request and answer are plain data. */
export type Work = (bench: Workbench, request: unknown) => Promise<unknown>;

/**
 * Tables beside a store's, for its opener alone. They are read and written by the names that they were made with, beside
 * those of the store. Nothing of them survives the end of the process, its thread's, or `close`.
 */
export interface Scratch {
  /**
   * Does a step by the `work` of the module that the store was opened with, in a thread of its own. There, a commit may change
   * tables of the scratch alone. Throws what the work throws as StoreError, any other failure of it as `invalid_statement`,
   * and `unavailable` when the thread is gone: then it stays so.
   */
  work(request: unknown): Promise<unknown>;
  /** As `Store.commit`, for statements that read the scratch and change the store. Other commits of this store wait. */
  commit(batch: Batch): Promise<CommitResult>;
  /** Its tables are gone. May be called twice. */
  close(): Promise<void>;
}

export interface Store {
  readonly dialect: "sqlite" | "postgres";
  read<Found extends object = Row>(query: QueryOf<Found>): Promise<readonly NoInfer<Found>[]>;
  /** All queries see one snapshot. */
  readTransaction<const Queries extends readonly Query[]>(queries: Queries): Promise<Answers<Queries>>;
  /** Whole or not at all; durable against power loss when it resolves. Throws StoreError; conflicts are a result. */
  commit(batch: Batch): Promise<CommitResult>;
  /**
   * Brings the schema of one set up to date: all its pending migrations in one transaction under an exclusive lock, so
   * two processes that migrate at once leave one result. Nothing happens when called again. Throws `schema_mismatch`,
   * with a message that says which migration and what to do, and changes nothing then.
   */
  migrate(set: MigrationSet, stamp: MigrationStamp): Promise<MigrationReport>;
  /**
   * Optional capability of a store that several processes write: calls back soon after commits, and whenever some may
   * have been missed. Resolves when it listens; the answer ends it. Throws `unavailable`.
   */
  listen?(hearing: Hearing): Promise<() => Promise<void>>;
  /**
   * Optional capability of a store that reads in threads: answers by the `prepare` of the module it was opened with, in
   * such a thread, so that the caller's event loop pays neither for many rows nor for writing them down. The request is
   * cloned. Throws what `read` throws; any other failure of the module is `invalid_statement`.
   */
  prepare?(request: unknown): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Optional capability of a store with threads and a module. Throws StoreError. */
  openScratch?(): Promise<Scratch>;
  /** Waits for nothing: every later call throws `unavailable`. May be called twice. */
  close(): Promise<void>;
}
