// Opening a database file: its mode, its durability settings, its check. Every failure is a StoreError that says
// whether the file or its surroundings are to blame.
import { closeSync, fchmodSync, openSync } from "node:fs";
import { StoreError } from "../port.ts";
import { Connection } from "./connection.ts";
import { isBusy, toStoreError } from "./errors.ts";
import {
  FILE_MODE,
  JOURNAL_MODE_ATTEMPTS_MAX,
  PAGE_CACHE_KIB,
  WAL_CHECKPOINT_PAGES,
  WAL_KEPT_BYTES,
} from "./limits.ts";

export const MEMORY = ":memory:";

export interface SqliteOptions {
  /** A file, created with mode 0600 when absent, or ":memory:" (lost on close). Its directory must exist. */
  readonly path: string;
  /** Nothing is written; the file must exist. Default false. */
  readonly readOnly?: boolean;
  /** Reads the whole file once at opening and refuses a damaged one with `corrupt`. Default false. */
  readonly integrityCheck?: boolean;
  /**
   * Writes and long reads in threads of their own, so that the caller's event loop waits for no disk. Costs memory per
   * thread. Without effect in memory and read-only, where there is nothing to wait for. Default false.
   */
  readonly useThreads?: boolean;
  /**
   * The module whose `prepare` makes answers in the threads that read, and whose `work` is done in scratches; see
   * `Store.prepare` and `Scratch`. Only with threads.
   */
  readonly preparer?: URL;
}

export interface Connections {
  /** Undefined for a store opened read-only. */
  readonly writer: Connection | undefined;
  /** The writer itself for ":memory:", which no second connection can see. */
  readonly reader: Connection;
}

/** SQLite would create the file with the umask's mode, and the log files take their mode from it. */
export const createPrivately = (path: string): void => {
  const descriptor = openSync(path, "a", FILE_MODE);
  try {
    fchmodSync(descriptor, FILE_MODE);
  } finally {
    closeSync(descriptor);
  }
};

/**
 * Setting the journal mode fails at once while another process does the same or holds the lock: SQLite does not wait
 * there. Taking the write lock does wait, so that is what a failed attempt does before the next one.
 */
const setJournalMode = (connection: Connection): unknown => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return connection.all("PRAGMA journal_mode = WAL", [])[0]?.["journal_mode"];
    } catch (error) {
      if (!isBusy(error) || attempt >= JOURNAL_MODE_ATTEMPTS_MAX) throw error;
      connection.execute("BEGIN IMMEDIATE; ROLLBACK");
    }
  }
};

const useWriteAheadLog = (connection: Connection, path: string): void => {
  const mode = setJournalMode(connection);
  if (mode === "wal" || path === MEMORY) return;
  const why = `no write-ahead log is possible here (journal mode stays ${String(mode)}); is it on a network file system?`;
  throw new StoreError("unavailable", `${path}: ${why}`);
};

/** A connection that is set up, or none. Throws StoreError with the path in its message. */
const connect = (path: string, readOnly: boolean, setUp: (connection: Connection) => void): Connection => {
  let connection: Connection | undefined;
  try {
    if (!readOnly && path !== MEMORY) createPrivately(path);
    connection = new Connection(path, { readOnly });
    setUp(connection);
    return connection;
  } catch (error) {
    connection?.close();
    const mapped = toStoreError(error, "open");
    throw mapped.message.includes(path)
      ? mapped
      : new StoreError(mapped.code, `${path}: ${mapped.message}`, { cause: error });
  }
};

/** Throws StoreError: `corrupt` for a file that is no database, `unavailable` for one that can't be opened. */
export const openWriter = (path: string): Connection =>
  connect(path, false, (connection) => {
    useWriteAheadLog(connection, path);
    // FULL syncs the log at each COMMIT: an answered commit survives a power loss.
    connection.execute(`PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${WAL_CHECKPOINT_PAGES};
      PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
      PRAGMA cache_size = -${PAGE_CACHE_KIB};
      PRAGMA temp_store = MEMORY`);
  });

/** Throws as `openWriter` does. */
export const openReader = (path: string): Connection =>
  connect(path, true, (connection) => {
    connection.execute(`PRAGMA cache_size = -${PAGE_CACHE_KIB}; PRAGMA temp_store = MEMORY`);
    // Opening reads nothing; this is where a file that is no database shows.
    connection.all("SELECT count(*) AS tables FROM sqlite_schema", []);
  });

const findingsOf = (connection: Connection, path: string): readonly string[] => {
  try {
    return connection.all("PRAGMA quick_check(1)", []).map((row) => String(row["quick_check"]));
  } catch (error) {
    const { code, message } = toStoreError(error, "open");
    throw new StoreError(code, `${path}: ${message}`, { cause: error });
  }
};

/** Reads the whole file. Throws `corrupt`. */
export const check = (connection: Connection, path: string): void => {
  const findings = findingsOf(connection, path);
  if (findings[0] !== "ok")
    throw new StoreError("corrupt", `${path} is damaged: ${findings[0] ?? "the check gave no answer"}`);
};

/** Throws StoreError: `corrupt` for a file that is no database or is damaged, `unavailable` for one that can't be opened. */
export const openConnections = ({ path, readOnly, integrityCheck }: SqliteOptions): Connections => {
  const writer = readOnly === true ? undefined : openWriter(path);
  let reader: Connection | undefined;
  try {
    reader = writer !== undefined && path === MEMORY ? writer : openReader(path);
    if (integrityCheck === true) check(reader, path);
    return { writer, reader };
  } catch (error) {
    if (reader !== writer) reader?.close();
    writer?.close();
    throw error;
  }
};
