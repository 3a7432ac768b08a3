// Brings the workspace's files from one checkpoint to another, after the plan found nothing in the
// way. Each file appears whole (a temporary file beside it, then a rename); what fails is reported
// and does not stop the rest. The index, HEAD, branches and stash are never touched.
import { lstat, mkdir, open, readdir, realpath, rename, rm, rmdir, symlink, unlink } from "node:fs/promises";
import { changesBetween } from "./attribution.ts";
import { absolutePath, type BytePath, displayPath, parentsOf } from "./byte-path.ts";
import { allEnded, mapLimited } from "./concurrency.ts";
import { ignoredIn } from "./ignored.ts";
import { FILE_CALLS_IN_FLIGHT } from "./limits.ts";
import { objectSizes, readBlobs } from "./objects.ts";
import type { Plumbing } from "./plumbing.ts";
import type { RawDiffEntry } from "./raw-diff.ts";
import { planRestore, type RestoredPath } from "./restore-plan.ts";
import type { SkippedPath } from "./snapshot.ts";
import { removeDeadTemporaries, temporaryIn } from "./temporaries.ts";
import type { Workspace } from "./workspace.ts";

export interface RestoreRequest {
  /** The state on disk now. */
  readonly fromTree: string;
  readonly toTree: string;
  /** What the wanted checkpoint left out: it can't say whether such a path existed. */
  readonly skippedInTo: readonly SkippedPath[];
  /** False: the path is neither touched nor reported. Every path is wanted where this is left out. */
  readonly isWanted?: (change: RawDiffEntry) => boolean;
  /** Why a path stays as it is. */
  readonly keepReason?: (change: RawDiffEntry) => string | undefined;
  /** Paths that others changed meanwhile, or that have others' files in their way, are kept; otherwise all is refused. */
  readonly keepsObstructed?: boolean;
  /** Called once, when nothing can refuse any more and the first change comes next. */
  readonly beforeChanges?: (() => Promise<void>) | undefined;
  /** Called after each path that was tried. */
  readonly onChanged?: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Reports in order of path. Throws `restore_refused` before anything is touched. */
export async function restoreTree(
  plumbing: Plumbing,
  workspace: Workspace,
  request: RestoreRequest,
): Promise<RestoredPath[]> {
  const { signal } = request;
  await removeDeadTemporaries(plumbing, workspace, signal);
  if (request.fromTree === request.toTree) return [];
  const trees = { from: request.fromTree, to: request.toTree };
  const differing = await changesBetween(plumbing, workspace, trees, signal);
  const changes = request.isWanted === undefined ? differing : differing.filter(request.isWanted);
  const [ignored, sizes] = await allEnded([
    ignoredIn(plumbing, workspace, { changes: differing, treeOid: request.toTree, signal }),
    objectSizes(
      plumbing,
      workspace,
      changes.filter((change) => change.newMode.startsWith("1") && change.newMode !== "160000").map((c) => c.newOid),
      signal,
    ),
  ]);
  const plan = await planRestore(workspace, {
    changes,
    hasBlob: (oid) => sizes.has(oid),
    keepsObstructed: request.keepsObstructed ?? false,
    keepReason: (change) => {
      const { path, status } = change;
      const shown = displayPath(path);
      const reason = request.keepReason?.(change);
      if (reason !== undefined || status !== "D") return reason;
      if (ignored.has(path)) return "ignored in the state that is restored";
      const skipped = request.skippedInTo.find((skip) => isOrHolds(skip.path, shown));
      return skipped && `the checkpoint left it out: ${skipped.reason}`;
    },
  });
  // From here on the restore runs to its end: half of it is worse than a late one.
  signal?.throwIfAborted();
  const report = [...plan.settled];
  if (plan.deletions.length + plan.writes.length > 0) await request.beforeChanges?.();
  const { onChanged } = request;
  for (const path of plan.deletions) {
    report.push(await deletePath(workspace, path));
    onChanged?.();
  }
  report.push(...(await writeAll(plumbing, workspace, { writes: plan.writes, sizes, onChanged })));
  return report.sort((one, other) => (one.path < other.path ? -1 : 1));
}

async function writeAll(
  plumbing: Plumbing,
  workspace: Workspace,
  {
    writes,
    sizes,
    onChanged,
  }: {
    readonly writes: readonly RawDiffEntry[];
    readonly sizes: ReadonlyMap<string, number>;
    readonly onChanged: (() => void) | undefined;
  },
): Promise<RestoredPath[]> {
  const report: RestoredPath[] = [];
  const open = new Set(writes);
  const needed = new Map(writes.map(({ newOid }) => [newOid, sizes.get(newOid) ?? 0]));
  try {
    for await (const blobs of readBlobs(plumbing, workspace, needed, undefined)) {
      const contents = new Map(blobs.map(({ oid, content }) => [oid, content]));
      await mapLimited([...open], FILE_CALLS_IN_FLIGHT, async (write) => {
        const content = contents.get(write.newOid);
        if (content === undefined) return;
        open.delete(write);
        report.push(await writePath(workspace, write, content));
        onChanged?.();
      });
    }
  } catch (error) {
    for (const write of open) report.push(failed(write.path, error));
  }
  return report;
}

function isOrHolds(skipped: string, path: string): boolean {
  return skipped === path || (skipped.endsWith("/") && path.startsWith(skipped));
}

async function deletePath(workspace: Workspace, path: BytePath): Promise<RestoredPath> {
  try {
    await requireInside(workspace, path);
    await unlink(absolutePath(workspace.root, path));
    for (const parent of parentsOf(path).reverse()) {
      // Not empty, or in use: then the folder stays, and so do those above it.
      const removed = await rmdir(absolutePath(workspace.root, parent)).then(
        () => true,
        () => false,
      );
      if (!removed) break;
    }
    return { path: displayPath(path), outcome: "deleted" };
  } catch (error) {
    return failed(path, error);
  }
}

async function writePath(workspace: Workspace, write: RawDiffEntry, content: Buffer): Promise<RestoredPath> {
  const file = absolutePath(workspace.root, write.path);
  const parent = parentsOf(write.path).at(-1) ?? ("" as BytePath);
  const { temporary, release } = temporaryIn(absolutePath(workspace.root, parent));
  try {
    await mkdir(absolutePath(workspace.root, parent), { recursive: true });
    await requireInside(workspace, write.path);
    const before = await lstat(file).catch(() => undefined);
    if (write.newMode === "120000") {
      await symlink(content, temporary);
    } else {
      const isExecutable =
        workspace.tracksExecutable || !before?.isFile() ? write.newMode === "100755" : (before.mode & 0o100) !== 0;
      const handle = await open(temporary, "wx", isExecutable ? 0o777 : 0o666);
      try {
        await handle.writeFile(content);
        if (before?.isFile()) await handle.chmod(withExecutable(before.mode & 0o7777, isExecutable));
      } finally {
        await handle.close();
      }
    }
    if (before?.isDirectory()) await removeEmptyFolders(file);
    await rename(temporary, file);
    return { path: displayPath(write.path), outcome: "restored" };
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    return failed(write.path, error);
  } finally {
    release();
  }
}

/** Execution for those who may read; the file's other permissions stay. */
function withExecutable(mode: number, isExecutable: boolean): number {
  return isExecutable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111;
}

/** Between plan and write a folder can be swapped for a link; nothing outside the workspace may be written. */
async function requireInside(workspace: Workspace, path: BytePath): Promise<void> {
  const parent = absolutePath(workspace.root, parentsOf(path).at(-1) ?? ("" as BytePath));
  const real = await realpath(parent, { encoding: "buffer" });
  if (!real.equals(parent)) throw new Error("beyond a symbolic link");
}

/** Fails when anything but folders is inside. */
async function removeEmptyFolders(folder: Buffer): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: "buffer" })) {
    if (entry.isDirectory()) await removeEmptyFolders(Buffer.concat([folder, Buffer.from("/"), entry.name]));
  }
  await rmdir(folder);
}

function failed(path: BytePath, error: unknown): RestoredPath {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  const reason = code ?? (error instanceof Error ? error.message : String(error));
  return { path: displayPath(path), outcome: "failed", reason };
}
