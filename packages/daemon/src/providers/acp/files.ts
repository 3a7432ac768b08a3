// The agent's reading and writing of text files through us: inside the workspace root only, plain files only, bounded.
import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { type ReadTextFileRequest, RequestError, type WriteTextFileRequest } from "@agentclientprotocol/sdk";
import { OutsideWorkspaceError, resolveInside } from "./workspace.ts";

export interface FilesOptions {
  /** Real paths. */
  readonly root: string;
  readonly cwd: string;
  readonly fileMaxBytes: number;
}

const ANY_READER_MODE = 0o666; // the person's umask takes away what it should

/** The request's failure as JSON-RPC says it; the text is for the agent, which may try another way. */
export const refusal = (error: unknown, path: string): RequestError => {
  if (error instanceof RequestError) return error;
  if (error instanceof OutsideWorkspaceError) return RequestError.invalidParams({ path }, error.message);
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  if (code === "ENOENT") return RequestError.resourceNotFound(path);
  return RequestError.internalError({ path, code }, `${path}: ${code ?? "unknown error"}`);
};

const requirePlainFile = async (file: FileHandle, path: string, maxBytes: number): Promise<void> => {
  const facts = await file.stat();
  if (!facts.isFile()) throw RequestError.invalidParams({ path }, `${path} is not a plain file`);
  if (facts.size > maxBytes)
    throw RequestError.invalidParams(
      { path },
      `${path} has ${facts.size} bytes, more than the ${maxBytes} that are served`,
    );
};

/** Lines from `line` (from 1), at most `limit` of them; the whole text without both. */
const sliceLines = (text: string, line: number | null | undefined, limit: number | null | undefined): string => {
  if ((line === null || line === undefined) && (limit === null || limit === undefined)) return text;
  const lines = text.split("\n");
  const start = Math.max(0, (line ?? 1) - 1);
  return lines.slice(start, limit === null || limit === undefined ? undefined : start + limit).join("\n");
};

export const readTextFile = async (
  options: FilesOptions,
  request: ReadTextFileRequest,
): Promise<{ content: string }> => {
  try {
    const path = await resolveInside({ ...options, path: request.path });
    // The path has no symlink any more: one that appears at its end meanwhile is not followed. A pipe must not block us.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      await requirePlainFile(file, request.path, options.fileMaxBytes);
      return { content: sliceLines(await file.readFile("utf8"), request.line, request.limit) };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw refusal(error, request.path);
  }
};

export const writeTextFile = async (
  options: FilesOptions,
  request: WriteTextFileRequest,
): Promise<Record<string, never>> => {
  try {
    const bytes = Buffer.from(request.content, "utf8");
    if (bytes.byteLength > options.fileMaxBytes) {
      throw RequestError.invalidParams(
        { path: request.path },
        `${bytes.byteLength} bytes are more than the ${options.fileMaxBytes} that are written`,
      );
    }
    const path = await resolveInside({ ...options, path: request.path });
    await mkdir(dirname(path), { recursive: true });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(path, flags, ANY_READER_MODE);
    try {
      await requirePlainFile(file, request.path, Number.MAX_SAFE_INTEGER);
      await file.truncate(0);
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    return {};
  } catch (error) {
    throw refusal(error, request.path);
  }
};
