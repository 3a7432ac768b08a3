// The console's bundle, served from a list of its files: a path is looked up and never joined to the folder, so nothing
// outside can be named. The list is made again when index.html changed, as after a new build.
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";

export interface ConsoleFile {
  readonly contentType: string;
  readonly body: Buffer;
  readonly etag: string;
  /** True when the name holds a digest of the content, so it may be kept for ever. */
  readonly immutable: boolean;
}

export interface ConsoleFiles {
  /** The file at a decoded path such as `/assets/index-Bx3f9a2c.js`; null when the bundle has none. */
  find(path: string): Promise<ConsoleFile | null>;
  /** The page of every path that the console's router knows; null when there is no bundle. */
  index(): Promise<ConsoleFile | null>;
}

/** A bundle has tens of files; more means that the folder is not a bundle. */
const FILES_MAX = 2_000;
/** Larger files are not part of a bundle; each is held in memory while it is sent. */
const FILE_MAX_BYTES = 16 * 1024 * 1024;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff": "font/woff",
  ".woff2": "font/woff2",
};

const isHashed = (path: string): boolean =>
  path.startsWith("/assets/") && /[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/.test(path);

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

const orNull = async <Value>(work: Promise<Value>): Promise<Value | null> => {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
};

/** Paths of the regular files in the folder, links left out. */
const list = async (directory: string): Promise<ReadonlySet<string>> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.slice(directory.length)}/${entry.name}`.replaceAll("\\", "/"));
  if (files.length > FILES_MAX) throw new Error(`${directory} has ${files.length} files, which is no console bundle`);
  return new Set(files);
};

export const openConsoleFiles = (directory: string | undefined): ConsoleFiles => {
  let listed: { readonly version: string; readonly files: ReadonlySet<string> } | undefined;

  const files = async (): Promise<ReadonlySet<string> | null> => {
    if (directory === undefined) return null;
    const index = await orNull(stat(join(directory, "index.html")));
    if (index === null) return null;
    const version = `${index.mtimeMs}-${index.size}-${index.ino}`;
    if (listed?.version !== version) listed = { version, files: await list(directory) };
    return listed.files;
  };

  const find = async (path: string): Promise<ConsoleFile | null> => {
    const known = await files();
    if (directory === undefined || known === null || !known.has(path)) return null;
    const file = join(directory, path);
    const size = (await orNull(stat(file)))?.size ?? 0;
    if (size > FILE_MAX_BYTES) return null;
    const body = await orNull(readFile(file));
    if (body === null) return null;
    return {
      contentType: CONTENT_TYPES[extname(path).toLowerCase()] ?? "application/octet-stream",
      body,
      etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      immutable: isHashed(path),
    };
  };

  return { find, index: () => find("/index.html") };
};
