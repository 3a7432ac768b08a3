// Where an export goes: standard output, or a file that is there whole under its name or not at all.
import { randomUUID } from "node:crypto";
import { type FileHandle, link, lstat, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MusterError } from "@muster/contracts";
import type { Output } from "../shell.ts";

/** Only the owner reads it: it holds what people and agents wrote. */
const FILE_MODE = 0o600;

export interface Target {
  /** Resolves when there is room for more. */
  write(text: string): Promise<void>;
  /** It is complete. */
  finish(): Promise<void>;
  /** It never will be: nothing is left. */
  discard(): Promise<void>;
}

export const outputTarget = (out: Output): Target => ({
  write: (text) => {
    out.write(text);
    return out.drained();
  },
  finish: () => out.drained(),
  discard: async () => {},
});

/** Writes beside the file and gives it its name at the end. Throws `validation_failed` where that cannot be. */
export async function fileTarget(path: string, options: { readonly overwrite: boolean }): Promise<Target> {
  const folder = dirname(path);
  const part = join(folder, `.${basename(path)}.${randomUUID()}.part`);
  if (options.overwrite) await requirePlainFile(path);
  let file: FileHandle;
  try {
    file = await open(part, "wx", FILE_MODE);
  } catch (error) {
    throw failure(path, error);
  }
  return {
    write: async (text) => {
      try {
        await file.appendFile(text);
      } catch (error) {
        throw failure(path, error);
      }
    },
    finish: async () => {
      try {
        await file.sync();
        await file.close();
        if (options.overwrite) {
          await requirePlainFile(path);
          await rename(part, path);
        } else {
          // Unlike a rename it fails where the name is taken.
          await link(part, path);
          await rm(part);
        }
        await syncFolder(folder);
      } catch (error) {
        await rm(part, { force: true });
        throw error instanceof MusterError ? error : failure(path, error);
      }
    },
    discard: async () => {
      await file.close().catch(() => undefined);
      await rm(part, { force: true });
    },
  };
}

/** A rename would put a file in the place of a device, a pipe or a link, for everyone who uses it. */
async function requirePlainFile(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || found.isFile()) return;
  const message = `${path} is no plain file, so it is not replaced.`;
  throw new MusterError("validation_failed", message, { advice: "Name a file, or leave --out away and redirect." });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const failure = (path: string, cause: unknown): MusterError => {
  const { code } = cause as NodeJS.ErrnoException;
  const why = code === "EEXIST" ? "it is there already; give --force to replace it" : `${code ?? String(cause)}`;
  const advice = ROOM_FAILURES.has(code) ? "Make room there, or name another file with --out." : undefined;
  const details = advice === undefined ? undefined : { advice };
  return new MusterError("validation_failed", `${path} cannot be written: ${why}.`, details, { cause });
};

const ROOM_FAILURES: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
