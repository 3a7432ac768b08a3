// Recognises the folders of any Muster home by what lies in them, because a machine may have several homes and a daemon
// knows only its own. Only folders with the names that Muster gives are looked into, so a large tree costs no more.
import { stat } from "node:fs/promises";
import { join } from "node:path";

/** A file of one of these names in a folder of that name says whose the folder is. */
const MARKS: ReadonlyMap<string, readonly string[]> = new Map([
  ["hub", ["cli-token", "hub.db"]],
  ["daemon", ["identity.json", "token", "outbox.db"]],
]);

/** There is no such mark, or nothing at all of the folder can be read. */
const NO_MARK: ReadonlySet<unknown> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EACCES"]);

/** A file system may not tell upper from lower case. */
export const maybeOfMuster = (name: string): boolean => MARKS.has(name.toLowerCase());

/** @param name the folder's own, of which `maybeOfMuster` is true; a link of that name is looked through. */
export async function isOfMuster(folder: string, name: string): Promise<boolean> {
  for (const mark of MARKS.get(name.toLowerCase()) ?? []) if (await isMark(join(folder, mark))) return true;
  return false;
}

/** A package of that name in somebody's sources is a folder. What cannot be told counts as a mark. */
async function isMark(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    return !NO_MARK.has(error instanceof Error && "code" in error ? error.code : undefined);
  }
}
