// Turns the workspace's files into a tree object. Starts from a copy of the index, whose stat data
// say which files are unchanged, so that only changed and new files are read.
// The index, HEAD and refs of the user are read and never written; only objects are added.
import { access, constants, copyFile, lstat, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, join } from "node:path";
import { absolutePath, type BytePath, bytePath, displayPath, joinNul, splitNul } from "./byte-path.ts";
import { allEnded, mapLimited } from "./concurrency.ts";
import { convertedPaths, listTracked, mayConvert } from "./doubtful.ts";
import { CheckpointError } from "./errors.ts";
import { oneLine } from "./git.ts";
import { FILE_CALLS_IN_FLIGHT } from "./limits.ts";
import { subtreeOf } from "./objects.ts";
import { requirePlain } from "./plain-file.ts";
import type { Plumbing } from "./plumbing.ts";
import { parseRawDiff } from "./raw-diff.ts";
import { TEMPORARY_PATTERN } from "./temporaries.ts";
import type { Workspace } from "./workspace.ts";

export const SKIP_REASONS = ["too-large", "not-readable", "nested-repository", "submodule", "special-file"] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** A path that a checkpoint leaves out: neither its diff nor a restore says anything about it. */
export interface SkippedPath {
  readonly path: string;
  readonly reason: SkipReason;
}

export interface Snapshot {
  readonly treeOid: string;
  /** In order of path; nested repositories and submodules end in "/". Of a submodule the commit is in, its files are not. */
  readonly skipped: readonly SkippedPath[];
}

/** Throws `limit_exceeded` and `git_failed`; the latter also when files vanish while they are read. */
export async function takeSnapshot(
  plumbing: Plumbing,
  workspace: Workspace,
  signal: AbortSignal | undefined,
): Promise<Snapshot> {
  return plumbing.withScratch(async (scratch) => {
    const indexFile = join(scratch, "index");
    await copyIndex(plumbing, workspace, indexFile, signal);
    const call = { indexFile, signal };

    const [changes, untracked, unmergedElsewhere, tracked] = await allEnded([
      changedPaths(plumbing, workspace, call),
      otherPaths(plumbing, workspace, call),
      workspace.prefix === "" ? [] : unmergedPaths(plumbing, workspace, call),
      listTracked(plumbing, workspace, call),
    ]);
    const converted = mayConvert(workspace, tracked, untracked)
      ? await convertedPaths(plumbing, workspace, tracked, call)
      : [];
    const doubtful = [...tracked.unwatched, ...converted];
    const entries = workspace.kind === "shadow" ? await indexEntryCount(indexFile) : 0;
    requireBelow("maxFiles", plumbing.limits.maxFiles, untracked.length + entries);

    const { submodules } = tracked;
    const candidates = await sortCandidates(plumbing, workspace, { ...changes, untracked, doubtful, submodules });
    requireBelow("maxCaptureBytes", plumbing.limits.maxCaptureBytes, candidates.bytes);
    requireBelow("maxSkipped", plumbing.limits.maxSkipped, candidates.skipped.length);

    await removeEntries(plumbing, workspace, call, candidates.remove, unmergedElsewhere);
    if (candidates.add.length > 0) {
      await plumbing.raw(workspace, ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"], {
        ...call,
        input: joinNul(candidates.add),
      });
    }
    const treeOid = await writeTree(plumbing, workspace, call);
    if (workspace.kind === "shadow") await rename(indexFile, workspace.indexFile).catch(ignoreMissing);
    return { treeOid, skipped: candidates.skipped };
  });
}

interface IndexCall {
  readonly indexFile: string;
  readonly signal: AbortSignal | undefined;
}

async function copyIndex(plumbing: Plumbing, workspace: Workspace, copy: string, signal: AbortSignal | undefined) {
  const original = await stat(workspace.indexFile).catch(() => undefined);
  if (original === undefined) return;
  requirePlain(workspace.indexFile, original);
  await copyFile(workspace.indexFile, copy, constants.COPYFILE_FICLONE);
  // git takes the index's own time as the moment up to which stat data can be believed. A later
  // time on the copy would hide files that changed in the instant the index was written.
  const notAfterMs = Math.floor(original.mtimeMs) - 1;
  await utimes(copy, notAfterMs / 1000, notAfterMs / 1000);
  const shared = (await readdir(workspace.gitDir).catch(() => [])).filter((name) => name.startsWith("sharedindex."));
  if (shared.length === 0) return;
  // A split index needs its other half beside it. Read in its own place, git would renew its time.
  const place = await plumbing.emptyRepository(workspace);
  const halves = shared.map((name) => join(place, name));
  try {
    for (const half of halves) {
      const source = join(workspace.gitDir, basename(half));
      requirePlain(source, await stat(source));
      await copyFile(source, half);
    }
    await plumbing.raw(workspace, ["update-index", "--no-split-index"], { indexFile: copy, signal });
    await utimes(copy, notAfterMs / 1000, notAfterMs / 1000);
  } finally {
    for (const half of halves) await rm(half, { force: true });
  }
}

/** Tracked paths whose file differs from the index, by what the file system says. */
async function changedPaths(plumbing: Plumbing, workspace: Workspace, call: IndexCall) {
  const { stdout } = await plumbing.raw(
    workspace,
    ["diff-files", "-z", "--raw", "--no-renames", "--relative", "--ignore-submodules=dirty"],
    call,
  );
  const gone = new Set<BytePath>();
  const changed = new Set<BytePath>();
  for (const entry of parseRawDiff(stdout)) (entry.status === "D" ? gone : changed).add(entry.path);
  // An unmerged path is listed as U and again as what its file is; the file decides.
  for (const path of gone) changed.delete(path);
  return { gone, changed };
}

async function otherPaths(plumbing: Plumbing, workspace: Workspace, call: IndexCall): Promise<BytePath[]> {
  const excludes = workspace.excludeFiles.map((file) => `--exclude-from=${file}`);
  const own = workspace.ownFolder;
  const withoutOwn = own === undefined ? [] : [`--exclude=/${own.replace(/[\\*?[\] ]/g, "\\$&")}`];
  const { stdout } = await plumbing.raw(
    workspace,
    [
      ...["ls-files", "-z", "--others", "--exclude-per-directory=.gitignore"],
      ...[...excludes, ...withoutOwn, `--exclude=${TEMPORARY_PATTERN}`],
    ],
    call,
  );
  return splitNul(stdout);
}

/** Top-level paths with unmerged entries; `write-tree` refuses them wherever they are. */
async function unmergedPaths(plumbing: Plumbing, workspace: Workspace, call: IndexCall): Promise<BytePath[]> {
  const { stdout } = await plumbing.raw(workspace, ["ls-files", "-z", "--unmerged"], {
    ...call,
    cwd: workspace.topLevel,
  });
  const inside = `${bytePath(workspace.prefix)}/`;
  const paths = splitNul(stdout).map((record) => record.slice(record.indexOf("\t") + 1) as BytePath);
  return [...new Set(paths)].filter((path) => !path.startsWith(inside));
}

interface Candidates {
  readonly gone: ReadonlySet<BytePath>;
  readonly changed: ReadonlySet<BytePath>;
  readonly untracked: readonly BytePath[];
  readonly doubtful: readonly BytePath[];
  readonly submodules: readonly BytePath[];
}

/** Decides per path: take it in, take it out, or leave it out with a reason. */
async function sortCandidates(plumbing: Plumbing, workspace: Workspace, candidates: Candidates) {
  const remove = new Set<BytePath>([...candidates.gone, ...candidates.doubtful]);
  const add: BytePath[] = [];
  const skipped: SkippedPath[] = [];
  let bytes = 0;
  const limited = new Set<BytePath>([...candidates.untracked, ...candidates.doubtful]);
  const read = new Set<BytePath>([...candidates.untracked, ...candidates.changed, ...candidates.doubtful]);
  for (const path of candidates.gone) read.delete(path);

  await mapLimited([...read], FILE_CALLS_IN_FLIGHT, async (path) => {
    const skip = (reason: SkipReason) => {
      skipped.push({ path: displayPath(path), reason });
      remove.add(path);
    };
    if (path.endsWith("/")) {
      skipped.push({ path: displayPath(path), reason: "nested-repository" });
      return;
    }
    const file = absolutePath(workspace.root, path);
    const found = await lstat(file).catch(() => undefined);
    if (found?.isFile()) {
      const hasLimit = workspace.kind === "shadow" || limited.has(path);
      if (hasLimit && found.size > plumbing.limits.maxFileBytes) return skip("too-large");
      if (await isUnreadable(file)) return skip("not-readable");
      bytes += found.size;
    } else if (found !== undefined && !found.isSymbolicLink() && !found.isDirectory()) return skip("special-file");
    add.push(path);
  });
  for (const path of candidates.submodules) {
    const isCheckedOut = await lstat(absolutePath(workspace.root, `${path}/.git` as BytePath)).catch(() => undefined);
    if (isCheckedOut !== undefined) skipped.push({ path: `${displayPath(path)}/`, reason: "submodule" });
  }
  skipped.sort((one, other) => (one.path < other.path ? -1 : 1));
  return { add, remove, skipped, bytes };
}

async function removeEntries(
  plumbing: Plumbing,
  workspace: Workspace,
  call: IndexCall,
  inside: ReadonlySet<BytePath>,
  outside: readonly BytePath[],
): Promise<void> {
  const prefix = workspace.prefix === "" ? "" : `${bytePath(workspace.prefix)}/`;
  const paths = [...[...inside].map((path) => prefix + path), ...outside];
  if (paths.length === 0) return;
  const zeros = "0".repeat(workspace.objectFormat === "sha256" ? 64 : 40);
  await plumbing.raw(workspace, ["update-index", "-z", "--index-info"], {
    ...call,
    input: joinNul(paths.map((path) => `0 ${zeros}\t${path}`)),
  });
}

async function writeTree(plumbing: Plumbing, workspace: Workspace, call: IndexCall): Promise<string> {
  // Objects of a partial clone or of absent sparse paths need not be here.
  const whole = oneLine(await plumbing.raw(workspace, ["write-tree", "--missing-ok"], call));
  if (workspace.prefix === "") return whole;
  return subtreeOf(plumbing, workspace, whole, workspace.prefix, call);
}

/** The entry count stands in bytes 8 to 11 of an index file. */
async function indexEntryCount(indexFile: string): Promise<number> {
  const handle = await open(indexFile).catch(() => undefined);
  if (handle === undefined) return 0;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(12), 0, 12, 0);
    return bytesRead === 12 ? buffer.readUInt32BE(8) : 0;
  } finally {
    await handle.close();
  }
}

/** One that vanished meanwhile is gone, not unreadable. */
function isUnreadable(file: Buffer): Promise<boolean> {
  return access(file, constants.R_OK).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
}

function requireBelow(limit: "maxFiles" | "maxCaptureBytes" | "maxSkipped", maximum: number, found: number): void {
  if (found > maximum) {
    throw new CheckpointError("limit_exceeded", `the capture would pass ${limit} (${maximum})`, { limit, maximum });
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
}
