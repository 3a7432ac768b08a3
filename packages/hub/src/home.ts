// The hub's folder on disk: made private, its database opened and migrated, its log. Whatever is wrong with them is one
// typed error, and nothing is left half-written.
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { MusterError } from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { checkSqliteFile, openSqliteStore, type Store, StoreError } from "@muster/store";
import { destination, type Logger, pino } from "pino";
import { CHECKED_AT_START_MAX_BYTES } from "./database-check.ts";
import { CLI_TOKEN_FILE } from "./identity/index.ts";
import { PREPARER } from "./orchestration/index.ts";
import { HUB_MIGRATIONS } from "./schema/index.ts";

export const DATABASE_FILE = "hub.db";
export const LOG_FILE = "hub.log";

export interface HubDatabase {
  readonly store: Store;
  readonly generation: string;
  /** Where the database server is, without user and password; absent for a file. */
  readonly server?: string;
  /** The file, where it is so large that it was opened without a check. */
  readonly uncheckedFile?: string;
}

/** Throws `home_unwritable`. */
export function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new MusterError(
      "home_unwritable",
      `The folder ${home} cannot be made or written.`,
      { home },
      { cause: error },
    );
  }
}

/**
 * Opens the database, after an integrity check where that is quick, and brings its schema up to date.
 * Throws `database_corrupt`, `schema_mismatch`, `home_unwritable`.
 */
export async function openDatabase(home: string, clock: Clock, ids: Ids): Promise<HubDatabase> {
  const path = join(home, DATABASE_FILE);
  refuseEmptied(home, path);
  try {
    const isSmall = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= CHECKED_AT_START_MAX_BYTES;
    const store = await openSqliteStore({ path, integrityCheck: isSmall, useThreads: true, preparer: PREPARER });
    try {
      const { generation } = await store.migrate(HUB_MIGRATIONS, {
        appliedAt: isoTime(clock.now()),
        generation: ids.next(),
      });
      return { store, generation, ...(isSmall ? {} : { uncheckedFile: path }) };
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    throw error instanceof StoreError ? fromStore(error, path) : error;
  }
}

/**
 * What opening leaves to whoever serves: reads the whole file, where it is large. Throws `database_corrupt`, and
 * `home_unwritable` where it could not be read.
 */
export async function mustBeSound({ uncheckedFile }: Pick<HubDatabase, "uncheckedFile">): Promise<void> {
  if (uncheckedFile === undefined) return;
  const result = await checkSqliteFile(uncheckedFile).result;
  if (result.status === "damaged") throw fromStore(new StoreError("corrupt", result.finding), uncheckedFile);
  if (result.status === "failed")
    throw fromStore(new StoreError("unavailable", `its check could not be made: ${result.reason}`), uncheckedFile);
}

/** An empty file beside a token of ours was a database once: to take it for a new one would hide the loss. */
function refuseEmptied(home: string, path: string): void {
  if (!existsSync(path) || statSync(path).size > 0 || !existsSync(join(home, CLI_TOKEN_FILE))) return;
  throw new MusterError(
    "database_corrupt",
    `The hub's database ${path} is empty, but this home was in use. Restore a backup of it; to start anew, move the folder ${home} away.`,
    { path },
  );
}

function fromStore(error: StoreError, path: string): MusterError {
  const details = { path };
  switch (error.code) {
    case "corrupt":
      return new MusterError(
        "database_corrupt",
        `The hub's database ${path} did not pass its integrity check, so nothing was started: ${error.message}`,
        details,
        { cause: error },
      );
    case "schema_mismatch":
      return new MusterError("schema_mismatch", error.message, details, { cause: error });
    default:
      return new MusterError(
        "home_unwritable",
        `The hub's database ${path} cannot be opened: ${error.message}`,
        details,
        { cause: error },
      );
  }
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface HubLog {
  readonly log: Logger;
  /** Writes out what is still in memory. */
  close(): void;
}

/** JSON lines in a file of mode 0600. Never holds a token, a cookie or a query string. */
export function openLog(home: string, level: LogLevel): HubLog {
  if (level === "silent") return { log: pino({ level }), close: () => undefined };
  const file = destination({ dest: join(home, LOG_FILE), sync: false, append: true, mode: 0o600, minLength: 4_096 });
  // A full disk must not end the hub: what cannot be logged is lost, what was answered is not.
  file.on("error", () => undefined);
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, file);
  const timer = setInterval(() => file.flush(), 1_000);
  timer.unref();
  return {
    log,
    close: () => {
      clearInterval(timer);
      try {
        file.flushSync();
      } catch {
        // The file never opened, or the disk is full: there is nobody left to tell.
      }
      file.end();
    },
  };
}
