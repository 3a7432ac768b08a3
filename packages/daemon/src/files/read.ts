// One file as an answer carries it. What is too large is told before it is read, and a file that grows meanwhile is
// never read beyond the limit.
import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { FILE_ANSWER_MAX_BYTES, type FileContent, MusterError } from "@muster/contracts";
import { isoTime } from "@muster/core";
import { READ_BYTES } from "./limits.ts";
import { type Opened, refusalOf } from "./place.ts";

/** @throws MusterError `file_too_large`, `workspace_unavailable`; the signal's reason. Closes nothing. */
export async function readContent({ handle }: Opened, path: string, signal: AbortSignal): Promise<FileContent> {
  const stat = await handle.stat();
  if (stat.size > FILE_ANSWER_MAX_BYTES) throw tooLarge(path, stat.size);
  const bytes = await readAll(handle, path, signal);
  const text = isUtf8(bytes) && !bytes.includes(0);
  const answer: FileContent = {
    path,
    sizeBytes: bytes.length,
    encoding: text ? "utf-8" : "base64",
    content: bytes.toString(text ? "utf8" : "base64"),
    modifiedAt: isoTime(Math.floor(stat.mtimeMs)),
  };
  if (Buffer.byteLength(JSON.stringify(answer)) > FILE_ANSWER_MAX_BYTES) throw tooLarge(path, bytes.length);
  return answer;
}

async function readAll(handle: FileHandle, path: string, signal: AbortSignal): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead, buffer } = await handle
      .read({ buffer: Buffer.allocUnsafe(READ_BYTES), position: size })
      .catch((error: unknown) => {
        throw refusalOf(error, path);
      });
    if (bytesRead === 0) return Buffer.concat(parts, size);
    parts.push(buffer.subarray(0, bytesRead));
    size += bytesRead;
    if (size > FILE_ANSWER_MAX_BYTES) throw tooLarge(path, Math.max(size, (await handle.stat()).size));
  }
}

const tooLarge = (path: string, sizeBytes: number): MusterError =>
  new MusterError("file_too_large", `${path} is too large to be shown.`, {
    path,
    sizeBytes,
    limitBytes: FILE_ANSWER_MAX_BYTES,
  });
