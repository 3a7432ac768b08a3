// Judging by content: a hash over files, by their paths and bytes, never by their times.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * The files at or under `path` (relative to root, forward slashes), sorted; nothing when it does not exist.
 * @param {string} root @param {string} path @returns {string[]}
 */
export function filesUnder(root, path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [path];
  const names = readdirSync(join(root, path)).filter((name) => name !== "node_modules");
  return names.sort().flatMap((name) => filesUnder(root, `${path}/${name}`));
}

/**
 * SHA-256 over the given files' paths and contents, in the given order.
 * @param {string} root @param {string[]} files @returns {string}
 */
export function hashFiles(root, files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/**
 * The text of a file, or undefined when it does not exist.
 * @param {string} path @returns {string | undefined}
 */
export function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
