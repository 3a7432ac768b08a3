// Files that must be whole or absent, and folders that must be ours alone.
import { randomUUID } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { MusterError } from "@muster/contracts";

/** Codes of the file system that a person mends, as against a bug. */
const UNWRITABLE = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOSPC",
  "ENOTDIR",
  "EEXIST",
  "EISDIR",
  "ENOENT",
  "EDQUOT",
  "ELOOP",
  "ENAMETOOLONG",
]);

export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** Runs work on the home; what the file system refuses becomes `home_unwritable`. */
export function onHome<Result>(home: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || !UNWRITABLE.has(code)) throw error;
    throw new MusterError(
      "home_unwritable",
      `The home folder ${home} cannot be written (${code}).`,
      { home, reason: code },
      { cause: error },
    );
  }
}

/** The folder exists and only its owner may enter it. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}

/** Replaces a file so that a crash or a power loss leaves the old content or the new one, never a mix. Mode 0600. */
export function writeFileAtomically(path: string, content: string): void {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const descriptor = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
