// The one door to a workspace's files. A path is resolved with all its links before anything is opened, and what was
// opened is asked once more where it lies: whoever swaps a folder for a link meanwhile gains nothing. What is never
// shown (`.git`, the folders of any Muster home) is no different from what is not there; where a link leads out of the
// workspace, nothing is told of what is there.
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readlink, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { MusterError } from "@muster/contracts";
import { isOfMuster, maybeOfMuster } from "./marks.ts";

const FOLLOWS_NOTHING = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);
/** A pipe that takes a file's place meanwhile must not hold anybody up. */
const FILE_FLAGS = FOLLOWS_NOTHING | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);
const FOLDER_FLAGS = FOLLOWS_NOTHING | (constants.O_DIRECTORY ?? 0);

export interface Opened {
  readonly handle: FileHandle;
  /** Without any link. */
  readonly real: string;
  /** The same through what is open, where the system has such names: it stays the same when the real path changes. */
  readonly at: string;
}

export const isInside = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** `a//./b/` as `a/b`. */
export const plainPath = (path: string): string =>
  path
    .split("/")
    .filter((step) => step !== "" && step !== ".")
    .join("/");

export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

export const notFound = (path: string, more: { readonly kind?: "folder" | "file" | "other" } = {}): MusterError => {
  const what = {
    folder: `${path === "" ? "The workspace" : path} is a folder.`,
    file: `${path} is a file.`,
    other: `${path} is neither a file nor a folder.`,
  };
  return new MusterError("file_not_found", more.kind && what[more.kind], { path, ...more });
};

const outside = (path: string): MusterError =>
  new MusterError("file_not_allowed", `${path} does not lead to a file of the project's workspace.`, {
    path,
    reason: "outside",
  });

const unreadable = (path: string): MusterError =>
  new MusterError("file_not_allowed", `The daemon may not read ${path === "" ? "the workspace" : path}.`, {
    path,
    reason: "unreadable",
  });

/** What the system refuses, as who asks may know it. */
export function refusalOf(error: unknown, path: string): unknown {
  if (error instanceof MusterError) return error;
  switch (codeOf(error)) {
    case undefined:
      return error;
    case "EACCES":
    case "EPERM":
      return unreadable(path);
    case "ENOENT":
    case "ENOTDIR":
    case "ENAMETOOLONG":
    case "EINVAL":
      return notFound(path);
    case "ELOOP":
      return outside(path);
    default:
      return new MusterError(
        "workspace_unavailable",
        "The workspace cannot be read.",
        { path, reason: codeOf(error) },
        { cause: error },
      );
  }
}

export class Place {
  /** Real path of the workspace. */
  readonly root: string;
  readonly #hidden: readonly string[];

  private constructor(root: string, hidden: readonly string[]) {
    this.root = root;
    this.#hidden = hidden;
  }

  /**
   * @param root real path of the workspace
   * @param hidden folders of which nothing is shown, wherever they lie
   */
  static async open(root: string, hidden: readonly string[]): Promise<Place> {
    const real = await Promise.all(hidden.map((folder) => realpath(folder).catch(() => folder)));
    return new Place(root, real);
  }

  /** Whether something at a real path may be shown to be there. */
  async isShown(real: string): Promise<boolean> {
    return this.#isNamedShown(real) && !(await isInMuster(real));
  }

  /** The same of a name in an open folder, which was asked before: only the name is looked at. */
  async isShownIn({ real, at }: Opened, name: string): Promise<boolean> {
    if (!this.#isNamedShown(join(real, name))) return false;
    return !maybeOfMuster(name) || !(await isOfMuster(join(at, name), name));
  }

  #isNamedShown(real: string): boolean {
    if (!isInside(real, this.root) || this.#hidden.some((folder) => isInside(real, folder))) return false;
    // A file system may not tell upper from lower case, and then git's folder has many names.
    return !relative(this.root, real)
      .split(sep)
      .some((step) => step.toLowerCase() === ".git");
  }

  /** The real path. @throws MusterError `file_not_found`, `file_not_allowed`, `workspace_unavailable`. */
  async resolve(path: string): Promise<string> {
    const asked = join(this.root, path);
    let real: string;
    try {
      real = await realpath(asked);
    } catch (error) {
      throw await this.#whyNot(path, error);
    }
    await this.#allow(real, path);
    // A folder of a home may itself be a link to one with another name.
    if (await isInMuster(asked)) throw notFound(path);
    return real;
  }

  /** A regular file. @throws MusterError as `resolve` does. */
  async openFile(path: string): Promise<Opened> {
    const real = await this.resolve(path);
    try {
      // A device may do something when it is opened.
      const before = await lstat(real);
      if (!before.isFile()) throw notFound(path, { kind: before.isDirectory() ? "folder" : "other" });
      return await this.#open(real, path, FILE_FLAGS);
    } catch (error) {
      throw refusalOf(error, path);
    }
  }

  /** A folder. @throws MusterError as `resolve` does. */
  async openFolder(path: string): Promise<Opened> {
    const real = await this.resolve(path);
    try {
      const before = await lstat(real);
      if (!before.isDirectory()) throw notFound(path, { kind: before.isFile() ? "file" : "other" });
      return await this.#open(real, path, FOLDER_FLAGS);
    } catch (error) {
      throw refusalOf(error, path);
    }
  }

  async #open(real: string, path: string, flags: number): Promise<Opened> {
    const handle = await open(real, flags);
    try {
      const at = `/proc/self/fd/${handle.fd}`;
      const is = await readlink(at).catch(() => undefined);
      if (is !== undefined) {
        if (is !== real) await this.#allow(is, path);
        return { handle, real, at };
      }
      // Without such names: what lies at the path now, inside the workspace, must be what was opened.
      await this.#allow(await realpath(real), path);
      const [there, opened] = await Promise.all([lstat(real, { bigint: true }), handle.stat({ bigint: true })]);
      if (there.ino !== opened.ino || there.dev !== opened.dev) throw outside(path);
      return { handle, real, at: real };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #allow(real: string, path: string): Promise<void> {
    if (await this.isShown(real)) return;
    throw isInside(real, this.root) ? notFound(path) : outside(path);
  }

  /** Step by step, because a link that leads out is refused alike, whether there is something behind it or not. */
  async #whyNot(path: string, error: unknown): Promise<unknown> {
    let real = this.root;
    for (const step of path.split("/")) {
      const next = join(real, step);
      try {
        real = await realpath(next);
      } catch (cause) {
        const isLink = await lstat(next).then(
          (found) => found.isSymbolicLink(),
          () => false,
        );
        return isLink ? outside(path) : refusalOf(cause, path);
      }
      if (!(await this.isShown(real))) return isInside(real, this.root) ? notFound(path) : outside(path);
    }
    return refusalOf(error, path);
  }
}

/** Whether any folder on a path, also above the workspace, is one of a Muster home. */
async function isInMuster(path: string): Promise<boolean> {
  const steps = path.split(sep);
  for (const [index, step] of steps.entries())
    if (maybeOfMuster(step) && (await isOfMuster(steps.slice(0, index + 1).join(sep), step))) return true;
  return false;
}
