// What a folder holds, level by level until the answer is full, so that what is near the top is never left out for
// something deep down. Links are shown and never followed.
import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { lstat, opendir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  FILE_ANSWER_MAX_BYTES,
  FILE_PATH_MAX_CHARACTERS,
  FILE_TREE_ENTRIES_MAX,
  type FileEntry,
  type FileTree,
} from "@muster/contracts";
import { mapLimited } from "../checkpoints/index.ts";
import { FILE_CALLS_IN_FLIGHT, FOLDERS_IN_FLIGHT, NAMES_READ_MAX } from "./limits.ts";
import { codeOf, type Opened, type Place, refusalOf } from "./place.ts";
import type { IgnoreRules } from "./rules.ts";

export interface TreeQuestion {
  readonly path: string;
  readonly depth: number;
  readonly signal: AbortSignal;
}

interface Branch {
  readonly entry: { -readonly [Key in keyof FileEntry]: FileEntry[Key] };
  readonly children: Branch[];
}

interface Found {
  /** One character per byte. */
  readonly name: string;
  readonly kind: FileEntry["kind"];
}

interface Listed {
  readonly branch: Branch;
  readonly opened: Opened;
  readonly found: Found[];
  /** It has more names than may be read. */
  isCut: boolean;
}

/** Room for what stands around the entries. */
const ENVELOPE_BYTES = 64 + FILE_PATH_MAX_CHARACTERS * 6;

/** @param rules null: with what git ignores. @throws MusterError of the folder itself; the signal's reason. */
export async function readTree(place: Place, rules: IgnoreRules | null, question: TreeQuestion): Promise<FileTree> {
  const reader = new TreeReader(place, rules, question.signal);
  return reader.read(question.path, question.depth);
}

class TreeReader {
  readonly #place: Place;
  readonly #rules: IgnoreRules | null;
  readonly #signal: AbortSignal;
  #namesLeft = NAMES_READ_MAX;
  #entriesLeft = FILE_TREE_ENTRIES_MAX;
  #bytesLeft = FILE_ANSWER_MAX_BYTES - ENVELOPE_BYTES;
  #truncated = false;

  constructor(place: Place, rules: IgnoreRules | null, signal: AbortSignal) {
    this.#place = place;
    this.#rules = rules;
    this.#signal = signal;
  }

  async read(path: string, depth: number): Promise<FileTree> {
    const top: Branch = {
      entry: { path, kind: "folder", leadsTo: null, sizeBytes: null, isCut: false },
      children: [],
    };
    let level = [top];
    for (let step = 0; step < depth && level.length > 0; step += 1) {
      const next: Branch[] = [];
      for (let start = 0; start < level.length; start += FOLDERS_IN_FLIGHT)
        next.push(...(await this.#readFolders(level.slice(start, start + FOLDERS_IN_FLIGHT), top)));
      level = next;
    }
    return { path, entries: inOrder(top), truncated: this.#truncated };
  }

  /** Gives them their children, and answers with those that are folders. */
  async #readFolders(folders: readonly Branch[], top: Branch): Promise<Branch[]> {
    if (this.#entriesLeft === 0) {
      this.#truncated = true;
      return [];
    }
    const listed: Listed[] = [];
    try {
      for (const branch of folders) {
        const opened = await this.#open(branch, branch === top);
        if (opened === null) continue;
        const one: Listed = { branch, opened, found: [], isCut: false };
        listed.push(one);
        await this.#list(one);
      }
      const ignored = await this.#rules?.ignoredOf(
        listed.map(({ opened, found }) => ({ folder: opened.real, names: found.map(({ name }) => name) })),
      );
      const next: Branch[] = [];
      for (const [index, one] of listed.entries()) {
        const hidden = ignored === undefined ? new Set<string>() : ignored[index];
        if (hidden === null || hidden === undefined) this.#truncated = true;
        else next.push(...(await this.#fill(one, hidden)));
      }
      return next;
    } finally {
      await Promise.all(listed.map(({ opened }) => opened.handle.close()));
    }
  }

  /** A folder below the one asked for may be gone or closed to us: then it stays cut. */
  async #open(branch: Branch, isTop: boolean): Promise<Opened | null> {
    try {
      return await this.#place.openFolder(branch.entry.path);
    } catch (error) {
      if (isTop) throw error;
      return null;
    }
  }

  async #list(listed: Listed): Promise<void> {
    const { branch, opened, found } = listed;
    // Typed for text; the system's names are bytes, and are wanted as such.
    const folder = await opendir(opened.at, { encoding: "buffer" as BufferEncoding, bufferSize: 512 }).catch(
      (error: unknown) => {
        throw refusalOf(error, branch.entry.path);
      },
    );
    for await (const entry of folder as unknown as AsyncIterable<Dirent<Buffer>>) {
      if (this.#namesLeft === 0) {
        this.#truncated = true;
        listed.isCut = true;
        return;
      }
      this.#namesLeft -= 1;
      if (this.#namesLeft % 1_024 === 0) this.#signal.throwIfAborted();
      if (!(await this.#place.isShownIn(opened, entry.name.toString("utf8")))) continue;
      found.push({ name: entry.name.toString("latin1"), kind: kindOf(entry) });
    }
  }

  async #fill({ branch, opened, found, isCut }: Listed, hidden: ReadonlySet<string>): Promise<Branch[]> {
    branch.entry.isCut = isCut;
    const shown = found.filter(({ name }) => !hidden.has(name)).sort(foldersFirst);
    const taken: Branch[] = [];
    for (const { name, kind } of shown) {
      const text = Buffer.from(name, "latin1").toString("utf8");
      const path = branch.entry.path === "" ? text : `${branch.entry.path}/${text}`;
      const entry = { path, kind, leadsTo: null, sizeBytes: null, isCut: kind === "folder" };
      // With a size or a place to lead to, which come later.
      const bytes = Buffer.byteLength(JSON.stringify(entry)) + 20;
      if (path.length > FILE_PATH_MAX_CHARACTERS || this.#entriesLeft === 0 || this.#bytesLeft < bytes) {
        this.#truncated = true;
        branch.entry.isCut = true;
        if (path.length > FILE_PATH_MAX_CHARACTERS) continue;
        break;
      }
      this.#entriesLeft -= 1;
      this.#bytesLeft -= bytes;
      taken.push({ entry, children: [] });
    }
    this.#signal.throwIfAborted();
    await mapLimited(taken, FILE_CALLS_IN_FLIGHT, (child) => this.#describe(child, opened));
    branch.children.push(...taken);
    return taken.filter(({ entry }) => entry.kind === "folder");
  }

  /** Through the open folder, so that it is what was listed. What is gone meanwhile stays without a size. */
  async #describe({ entry }: Branch, { at }: Opened): Promise<void> {
    if (entry.kind !== "file" && entry.kind !== "link") return;
    const place = join(at, entry.path.slice(entry.path.lastIndexOf("/") + 1));
    try {
      if (entry.kind === "file") {
        const found = await lstat(place);
        entry.sizeBytes = found.isFile() ? found.size : null;
        return;
      }
      const real = await realpath(place);
      if (!(await this.#place.isShown(real))) return;
      const found = await stat(real);
      entry.leadsTo = found.isDirectory() ? "folder" : found.isFile() ? "file" : null;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }
}

function kindOf(entry: Dirent<Buffer>): FileEntry["kind"] {
  if (!isUtf8(entry.name)) return "other";
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "link" : "other";
}

const rank = ({ kind }: Found): number => (kind === "folder" ? 0 : 1);

const foldersFirst = (one: Found, other: Found): number =>
  rank(one) - rank(other) || (one.name < other.name ? -1 : one.name > other.name ? 1 : 0);

const inOrder = ({ children }: Branch): FileEntry[] => children.flatMap((child) => [child.entry, ...inOrder(child)]);
