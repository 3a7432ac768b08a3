// One daemon per home. The lock is an exclusive transaction on a SQLite file: atomic, and given back by the kernel with
// the process, whatever ends it. The pid beside it is for the message alone and decides nothing.
// The lock file is never opened by another way: closing it once would give the lock of this process back.
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { MusterError } from "@muster/contracts";
import { errorCode } from "./files.ts";

const BUSY = 5;
const CANNOT_OPEN = 14;
const READ_ONLY = 8;

export interface HomeLock {
  /** May be called twice. */
  release(): void;
}

const resultCode = (error: unknown): number | undefined =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : undefined;

const pidOf = (path: string): number | null => {
  try {
    const pid = Number(readFileSync(path, "utf8").trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return null;
  }
};

/** @throws MusterError `already_running` with the holder's pid in the details, `home_unwritable`. */
export function acquireLock(paths: { readonly home: string; readonly lock: string; readonly pid: string }): HomeLock {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(paths.lock, { timeout: 0 });
    chmodSync(paths.lock, 0o600);
    database.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    throw refusal(paths, error);
  }
  writeFileSync(paths.pid, `${process.pid}\n`, { mode: 0o600 });
  const held = database;
  return {
    release: () => {
      if (!held.isOpen) return;
      rmSync(paths.pid, { force: true });
      held.close();
    },
  };
}

function refusal(paths: { readonly home: string; readonly pid: string }, error: unknown): unknown {
  const code = resultCode(error);
  if (code === BUSY) {
    const pid = pidOf(paths.pid);
    const who = pid === null ? "another process" : `process ${pid}`;
    return new MusterError("already_running", `A daemon already runs with the home ${paths.home}: ${who}.`, {
      home: paths.home,
      ...(pid === null ? {} : { pid }),
    });
  }
  if (code === CANNOT_OPEN || code === READ_ONLY) {
    return new MusterError(
      "home_unwritable",
      `The home folder ${paths.home} cannot be written.`,
      { home: paths.home },
      { cause: error },
    );
  }
  return error;
}
