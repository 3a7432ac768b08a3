// Decides what a restore does, and refuses all of it when any part is impossible. Reads the
// workspace and never writes it. The rule it guards: only content that the safety checkpoint holds
// is ever overwritten or deleted. What somebody else put in the way is no impossibility where the
// caller keeps such paths: the rest goes back without them.
import { access, constants, lstat, readdir } from "node:fs/promises";
import { absolutePath, type BytePath, displayPath, parentsOf } from "./byte-path.ts";
import { mapLimited } from "./concurrency.ts";
import { CheckpointError } from "./errors.ts";
import { FILE_CALLS_IN_FLIGHT } from "./limits.ts";
import { hashFile, hashLink } from "./objects.ts";
import type { RawDiffEntry } from "./raw-diff.ts";
import type { Workspace } from "./workspace.ts";

export type RestoreOutcome = "restored" | "deleted" | "kept" | "failed";

export interface RestoredPath {
  readonly path: string;
  readonly outcome: RestoreOutcome;
  /** Always there for `kept` and `failed`. */
  readonly reason?: string;
}

export interface RestorePlan {
  readonly deletions: readonly BytePath[];
  readonly writes: readonly RawDiffEntry[];
  /** Decided without touching anything. */
  readonly settled: readonly RestoredPath[];
}

export interface PlanRequest {
  /** From the state now to the state wanted, without renames. */
  readonly changes: readonly RawDiffEntry[];
  readonly keepReason: (change: RawDiffEntry) => string | undefined;
  /** What is no longer as the safety checkpoint says, or has another's files in the way, is kept; otherwise it can't be restored. */
  readonly keepsObstructed: boolean;
  /** Blobs that are in the store. */
  readonly hasBlob: (oid: string) => boolean;
}

const SUBMODULE = "160000";
const LINK = "120000";
const CHANGED = "changed since the safety checkpoint";

/** Throws `restore_refused` with every path that can't be restored. */
export async function planRestore(workspace: Workspace, request: PlanRequest): Promise<RestorePlan> {
  const settled: RestoredPath[] = [];
  const refused: { path: string; reason: string }[] = [];
  const open: RawDiffEntry[] = [];
  for (const change of request.changes) {
    const isSubmodule = change.oldMode === SUBMODULE || change.newMode === SUBMODULE;
    const reason = isSubmodule ? "a submodule's commit is not moved" : request.keepReason(change);
    if (reason === undefined) open.push(change);
    else settled.push({ path: displayPath(change.path), outcome: "kept", reason });
  }

  const refuse = ({ path }: RawDiffEntry, reason: string) => refused.push({ path: displayPath(path), reason });
  const keep = ({ path }: RawDiffEntry, reason: string) =>
    settled.push({ path: displayPath(path), outcome: "kept", reason });
  const obstruct = request.keepsObstructed ? keep : refuse;

  let decided: RawDiffEntry[] = [];
  await mapLimited(open, FILE_CALLS_IN_FLIGHT, async (change) => {
    const verdict = await compareWithDisk(workspace, change);
    if (verdict === "go") decided.push(change);
    else if (verdict === "done")
      settled.push({ path: displayPath(change.path), outcome: change.status === "D" ? "deleted" : "restored" });
    else if ("keep" in verdict) keep(change, verdict.keep);
    else obstruct(change, verdict.obstacle);
  });

  // What is kept may itself be in the way of what was to replace it, so the rest is looked at again.
  for (let isSettled = false; !isSettled; ) {
    const deleted = new Set(decided.filter(({ status }) => status === "D").map(({ path }) => path));
    const stays = new Set<RawDiffEntry>();
    await mapLimited(decided, FILE_CALLS_IN_FLIGHT, async (change) => {
      const block =
        (await blockedByParents(workspace, change.path, deleted)) ??
        (change.status === "D" ? undefined : await blockedAtPath(workspace, change, deleted, request.hasBlob));
      if (block === undefined) return;
      stays.add(change);
      if ("obstacle" in block) obstruct(change, block.obstacle);
      else refuse(change, block.impossible);
    });
    decided = decided.filter((change) => !stays.has(change));
    isSettled = stays.size === 0 || refused.length > 0;
  }

  if (refused.length > 0) {
    refused.sort((one, other) => (one.path < other.path ? -1 : 1));
    throw new CheckpointError("restore_refused", `${refused.length} paths can't be restored; nothing was touched`, {
      paths: refused,
    });
  }
  const deletions = decided.filter((change) => change.status === "D").map((change) => change.path);
  const writes = decided.filter((change) => change.status !== "D");
  return { deletions, writes, settled };
}

type Verdict = "go" | "done" | { readonly keep: string } | Obstacle;
/** Somebody else's doing. */
type Obstacle = { readonly obstacle: string };
type Block = Obstacle | { readonly impossible: string };

/** Whether the file on disk is still what the safety checkpoint says. */
async function compareWithDisk(workspace: Workspace, change: RawDiffEntry): Promise<Verdict> {
  const file = absolutePath(workspace.root, change.path);
  // A folder above may have become a link, so that this is another file; the check of parents decides.
  if (await hasLinkAbove(workspace, change.path)) return "go";
  const now = await lstat(file).catch(() => undefined);
  const isAddition = change.status === "A";
  if (now === undefined) return change.status === "D" ? "done" : "go";
  if (now.isDirectory()) return isAddition ? "go" : { obstacle: "a directory is in the way" };
  if (!now.isFile() && !now.isSymbolicLink()) return { obstacle: "neither a file nor a symbolic link" };

  let oid: string;
  try {
    oid = now.isFile() ? await hashFile(workspace, file, now.size) : await hashLink(workspace, file);
  } catch {
    return { obstacle: "not readable" };
  }
  const isSameKind = (mode: string) => (mode === LINK) === now.isSymbolicLink();
  const isExecutable = (now.mode & 0o100) !== 0;
  if (oid === change.newOid && isSameKind(change.newMode)) {
    if (now.isSymbolicLink() || !workspace.tracksExecutable || isExecutable === (change.newMode === "100755"))
      return "done";
  }
  if (isAddition) return { keep: "not in the safety checkpoint: ignored or left out there" };
  if (oid === change.oldOid && isSameKind(change.oldMode)) return "go";
  return { obstacle: CHANGED };
}

async function hasLinkAbove(workspace: Workspace, path: BytePath): Promise<boolean> {
  for (const parent of parentsOf(path)) {
    const found = await lstat(absolutePath(workspace.root, parent)).catch(() => undefined);
    if (found?.isSymbolicLink()) return true;
  }
  return false;
}

/** Every folder above must be a real, writable folder, or be free to become one. */
async function blockedByParents(
  workspace: Workspace,
  path: BytePath,
  deleted: ReadonlySet<BytePath>,
): Promise<Block | undefined> {
  let nearest = "" as BytePath;
  for (const parent of parentsOf(path)) {
    const found = await lstat(absolutePath(workspace.root, parent)).catch(() => undefined);
    if (found === undefined || (!found.isDirectory() && deleted.has(parent))) break;
    if (found.isSymbolicLink()) return { obstacle: `beyond the symbolic link ${displayPath(parent)}` };
    if (!found.isDirectory()) return { obstacle: `a file is in the way: ${displayPath(parent)}` };
    nearest = parent;
  }
  return access(absolutePath(workspace.root, nearest), constants.W_OK | constants.X_OK).then(
    () => undefined,
    () => ({ impossible: `the folder is not writable: ${displayPath(nearest) || "."}` }),
  );
}

async function blockedAtPath(
  workspace: Workspace,
  change: RawDiffEntry,
  deleted: ReadonlySet<BytePath>,
  hasBlob: (oid: string) => boolean,
): Promise<Block | undefined> {
  if (!hasBlob(change.newOid)) return { impossible: "its content is not in the repository" };
  const found = await lstat(absolutePath(workspace.root, change.path)).catch(() => undefined);
  if (found?.isDirectory() && !(await becomesEmpty(workspace, change.path, deleted)))
    return { obstacle: "a directory is in the way" };
  return undefined;
}

/** Whether the planned deletions leave nothing but empty folders in `folder`. */
async function becomesEmpty(workspace: Workspace, folder: BytePath, deleted: ReadonlySet<BytePath>): Promise<boolean> {
  const entries = await readdir(absolutePath(workspace.root, folder), { withFileTypes: true, encoding: "buffer" });
  for (const entry of entries) {
    const path = `${folder}/${entry.name.toString("latin1")}` as BytePath;
    const isFree = entry.isDirectory() ? await becomesEmpty(workspace, path, deleted) : deleted.has(path);
    if (!isFree) return false;
  }
  return true;
}
