// Which real file does a path of the agent mean, and is it inside the workspace?
// Invariant: what is returned has no symlink in it and lies inside the root; anything else is refused.
import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";

/** The path leads out of the workspace, or can't be followed to its end. */
export class OutsideWorkspaceError extends Error {
  override readonly name = "OutsideWorkspaceError";
}

export const isInside = (root: string, path: string): boolean => {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
};

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error ? String(error.code) : undefined;

const exists = async (path: string): Promise<boolean> => {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
};

/** Real path of the longest part that exists, with the rest as it is written. */
const realPathOf = async (path: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT")
      throw new OutsideWorkspaceError(`${path} can't be followed: ${codeOf(error) ?? "unknown error"}`);
    // A symlink to nothing: writing through it would create its target, wherever that is.
    if (await exists(path)) throw new OutsideWorkspaceError(`${path} is a link to something that does not exist`);
    const parent = dirname(path);
    if (parent === path) throw new OutsideWorkspaceError(`${path} does not exist`);
    return join(await realPathOf(parent), basename(path));
  }
};

/** `root` is a real path; a relative `path` starts at `cwd`. Throws OutsideWorkspaceError. */
export const resolveInside = async (options: { root: string; cwd: string; path: string }): Promise<string> => {
  if (options.path.includes("\0")) throw new OutsideWorkspaceError("a path has no NUL");
  const real = await realPathOf(resolve(options.cwd, options.path));
  if (!isInside(options.root, real))
    throw new OutsideWorkspaceError(`${options.path} is outside the workspace ${options.root}`);
  return real;
};
