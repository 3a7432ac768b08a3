// Where a turn may work: a real folder inside one of the node's real roots. Links are resolved on both sides, so that a
// link inside a root never leads out of it.
import { lstat, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { MusterError } from "@muster/contracts";
import { isInsideRoots } from "@muster/core";

const realFolder = async (path: string): Promise<string | undefined> => {
  try {
    const real = await realpath(path);
    return (await stat(real)).isDirectory() ? real : undefined;
  } catch {
    return undefined; // not there, or not ours to read: the same for who asks
  }
};

/** Of what is no folder that can be read: whether it would lie in a root, with the links above it followed. */
async function wouldLieInside(path: string, workspaceRoots: readonly string[]): Promise<boolean> {
  for (let place = path; isInsideRoots(place, workspaceRoots); place = dirname(place)) {
    const isThere = await lstat(place).then(
      () => true,
      () => false,
    );
    if (!isThere) continue;
    // A link to nothing lies nowhere.
    const real = await realpath(place).catch(() => undefined);
    return real !== undefined && isInsideRoots(real, await realRootsOf(workspaceRoots));
  }
  return isInsideRoots(path, workspaceRoots);
}

const realRootsOf = async (workspaceRoots: readonly string[]): Promise<string[]> =>
  (await Promise.all(workspaceRoots.map(realFolder))).filter((root) => root !== undefined);

/**
 * The folder's real path.
 * @throws MusterError `workspace_not_allowed` for one outside the roots, whether it exists or not; `workspace_unavailable`.
 */
export async function checkWorkspace(path: string, workspaceRoots: readonly string[]): Promise<string> {
  const real = await realFolder(path);
  if (real === undefined) {
    // What lies outside is not told whether it is there.
    if (!(await wouldLieInside(path, workspaceRoots))) throw notAllowed(path, workspaceRoots);
    throw new MusterError("workspace_unavailable", `The workspace folder ${path} is not there or cannot be read.`, {
      path,
    });
  }
  if (!isInsideRoots(real, await realRootsOf(workspaceRoots))) throw notAllowed(path, workspaceRoots);
  return real;
}

const notAllowed = (path: string, workspaceRoots: readonly string[]): MusterError =>
  new MusterError("workspace_not_allowed", `The node does not allow work in ${path}.`, {
    path,
    workspaceRoots: [...workspaceRoots],
  });
