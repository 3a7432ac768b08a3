// The daemon's folder: where each of its files lies, held by a lock for as long as the daemon runs.
import { renameSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { MusterError } from "@muster/contracts";
import { openSqliteStore, type Store, StoreError } from "@muster/store";
import { makePrivateFolder, onHome } from "./files.ts";
import { acquireLock } from "./lock.ts";

export interface HomePaths {
  readonly home: string;
  readonly lock: string;
  readonly pid: string;
  readonly identity: string;
  /** Journal, effects and provider sessions. */
  readonly outbox: string;
  readonly log: string;
  /** Shadow repositories of the checkpoints. */
  readonly data: string;
}

export interface Home {
  readonly paths: HomePaths;
  /** Gives the lock back; may be called twice. */
  release(): void;
}

/** A log larger than this is put aside as `daemon.log.1` when the daemon starts. */
const LOG_MAX_BYTES = 16 * 1024 * 1024;

const pathsOf = (home: string): HomePaths => ({
  home,
  lock: join(home, "daemon.lock"),
  pid: join(home, "daemon.pid"),
  identity: join(home, "identity.json"),
  outbox: join(home, "outbox.db"),
  log: join(home, "daemon.log"),
  data: home,
});

/** Makes the folder where it is missing and takes its lock. @throws MusterError `home_unwritable`, `already_running`. */
export function openHome(home: string): Home {
  const paths = pathsOf(resolve(home));
  return onHome(paths.home, () => {
    makePrivateFolder(paths.home);
    const lock = acquireLock(paths);
    rotateLog(paths.log);
    return { paths, release: lock.release };
  });
}

function rotateLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_MAX_BYTES) renameSync(path, `${path}.1`);
}

/** Opens outbox.db after reading it whole. @throws MusterError `database_corrupt`, `home_unwritable`. */
export async function openOutbox(paths: HomePaths): Promise<Store> {
  try {
    return await openSqliteStore({ path: paths.outbox, integrityCheck: true });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === "corrupt") {
      throw new MusterError(
        "database_corrupt",
        `${paths.outbox} is damaged, so the daemon did not start. Put a backup of it in its place; or move ${paths.outbox}, ${paths.outbox}-wal and ${paths.outbox}-shm away to start anew, which loses what had not reached the hub.`,
        { path: paths.outbox, finding: error.message.slice(0, 512) },
        { cause: error },
      );
    }
    throw new MusterError(
      "home_unwritable",
      `${paths.outbox} cannot be opened: ${error.message}`,
      { home: paths.home },
      { cause: error },
    );
  }
}
