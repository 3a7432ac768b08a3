// The console's bundle, served from a list of its files: only a path that is in the list is ever joined to the folder,
// so nothing outside can be named. The list is made again when a build changed index.html or the folders.
import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

export interface ConsoleFile {
  readonly contentType: string;
  readonly body: Buffer;
  /** The same by gzip; null where it would not be smaller. */
  readonly compressed: Buffer | null;
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
/** Larger files are not part of a bundle. */
const FILE_MAX_BYTES = 16 * 1024 * 1024;
/** Files kept in memory, read and compressed once; a bundle has 3 MiB. What is beyond is read for every request. */
const KEPT_MAX_BYTES = 64 * 1024 * 1024;
const COMPRESSED_MIN_BYTES = 1_024;
const COMPRESSIBLE = /^(?:text\/|application\/(?:json|manifest|wasm)|image\/svg)/;

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

const compress = async (contentType: string, body: Buffer): Promise<Buffer | null> => {
  if (body.length < COMPRESSED_MIN_BYTES || !COMPRESSIBLE.test(contentType)) return null;
  const compressed = await promisify(gzip)(body);
  return compressed.length < body.length ? compressed : null;
};

const load = async (file: string, path: string): Promise<ConsoleFile | null> => {
  const body = await orNull(readFile(file));
  if (body === null) return null;
  const contentType = CONTENT_TYPES[extname(path).toLowerCase()] ?? "application/octet-stream";
  return {
    contentType,
    body,
    compressed: await compress(contentType, body),
    etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
    immutable: isHashed(path),
  };
};

const versionOf = (stats: Stats): string => `${stats.mtimeMs}-${stats.size}-${stats.ino}`;

export const openConsoleFiles = (folder: string | undefined): ConsoleFiles => {
  const directory = folder === undefined ? undefined : resolve(folder);
  let listed: { readonly version: string; readonly files: ReadonlySet<string> } | undefined;
  const kept = new Map<string, { readonly version: string; readonly file: Promise<ConsoleFile | null> }>();
  let keptBytes = 0;

  const files = async (): Promise<ReadonlySet<string> | null> => {
    if (directory === undefined) return null;
    const watched = [join(directory, "index.html"), directory, join(directory, "assets")];
    const [index, ...folders] = await Promise.all(watched.map((path) => orNull(stat(path))));
    if (index === null || index === undefined) return null;
    const version = [index, ...folders].map((stats) => (stats === null ? "" : versionOf(stats))).join();
    if (listed?.version === version) return listed.files;
    const found = await list(directory);
    listed = { version, files: found };
    kept.clear();
    keptBytes = 0;
    return found;
  };

  const find = async (path: string): Promise<ConsoleFile | null> => {
    const listing = await files();
    if (directory === undefined || listing === null || !listing.has(path)) return null;
    const stats = await orNull(stat(join(directory, path)));
    if (stats === null || stats.size > FILE_MAX_BYTES) return null;
    const version = versionOf(stats);
    const known = kept.get(path);
    if (known?.version === version) return known.file;
    const file = load(join(directory, path), path);
    if (keptBytes + stats.size <= KEPT_MAX_BYTES) {
      kept.set(path, { version, file });
      keptBytes += stats.size;
      // A failure is not kept: the next request tries again.
      file.catch(() => kept.delete(path));
    }
    return file;
  };

  return { find, index: () => find("/index.html") };
};
