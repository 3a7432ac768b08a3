// Paths as git has them: bytes, not text. A BytePath holds one byte per character (latin1), so any
// file name survives the way from git through this folder to the file system and back.
// Only reports to the outside are decoded as UTF-8.
import { sep } from "node:path";

/** A path relative to the workspace root, "/"-separated, one byte per character. */
export type BytePath = string & { readonly __brand: "BytePath" };

/** Splits NUL-terminated output into its fields. */
export function splitNul(output: Buffer): BytePath[] {
  if (output.length === 0) return [];
  const fields = output.toString("latin1").split("\0");
  if (fields.at(-1) === "") fields.pop();
  return fields as BytePath[];
}

export function joinNul(fields: Iterable<string>): Buffer {
  let text = "";
  for (const field of fields) text += `${field}\0`;
  return Buffer.from(text, "latin1");
}

/** For reports: UTF-8, with U+FFFD where a name is not UTF-8. */
export function displayPath(path: BytePath): string {
  return Buffer.from(path, "latin1").toString("utf8");
}

export function bytePath(path: string): BytePath {
  return Buffer.from(path, "utf8").toString("latin1") as BytePath;
}

/** The absolute path for file system calls. */
export function absolutePath(root: string, path: BytePath): Buffer {
  if (path === "") return Buffer.from(root);
  return Buffer.concat([Buffer.from(root.endsWith(sep) ? root : root + sep), Buffer.from(path, "latin1")]);
}

/** The folders above a path, outermost first: "a/b/c" gives "a" and "a/b". */
export function parentsOf(path: BytePath): BytePath[] {
  const parents: BytePath[] = [];
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
    parents.push(path.slice(0, slash) as BytePath);
  }
  return parents;
}
