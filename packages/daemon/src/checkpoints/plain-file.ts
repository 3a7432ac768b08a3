// Opens what should be a file and may have become something else since somebody looked. A pipe would hold up a thread of
// this process until somebody writes into it, a device for ever.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { CheckpointError } from "./errors.ts";

const READS_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** For reading. Throws `io_failed` for what is no regular file, and what the system throws. */
export async function openPlain(path: string | Buffer): Promise<FileHandle> {
  const handle = await open(path, READS_AT_ONCE);
  try {
    requirePlain(path, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export async function readPlain(path: string | Buffer): Promise<Buffer> {
  const handle = await openPlain(path);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** Throws `io_failed`. */
export function requirePlain(path: string | Buffer, found: { isFile(): boolean }): void {
  if (!found.isFile())
    throw new CheckpointError("io_failed", `${path.toString()} is no regular file`, { reason: "EINVAL" });
}
