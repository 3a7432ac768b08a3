// A revert's way back: only what the thread itself changed after the wanted checkpoint, and of that nothing that
// another thread or a hand changed as well. What stays is reported with the reason, what was never its own is not touched.
import type { EventId, ThreadId } from "@muster/contracts";
import { changedPaths, changesBetween, lastChanges, stretchesOf } from "./attribution.ts";
import { type BytePath, displayPath, joinNul } from "./byte-path.ts";
import { parseFacts } from "./facts.ts";
import { oneLine } from "./git.ts";
import type { Plumbing } from "./plumbing.ts";
import type { RawDiffEntry } from "./raw-diff.ts";
import { listRefs, type ResolvedCheckpoint } from "./refs.ts";
import { restoreTree } from "./restore.ts";
import type { RestoredPath } from "./restore-plan.ts";
import type { Workspace } from "./workspace.ts";

export interface ThreadRestore {
  readonly threadId: ThreadId;
  /** The thread's checkpoint with this turn count is wanted. */
  readonly turnCount: number;
  readonly eventId: EventId;
  /** Before the revert began. */
  readonly safety: ResolvedCheckpoint;
  /** Now; other than `safety` when the revert was cut off and is done again. */
  readonly current: ResolvedCheckpoint;
  readonly target: ResolvedCheckpoint;
  readonly isRunning: (threadId: ThreadId) => boolean;
  readonly beforeChanges?: (() => Promise<void>) | undefined;
  readonly onChanged?: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface ThreadRestored {
  /** In order of path. */
  readonly files: readonly RestoredPath[];
  /** What this revert changed since the safety checkpoint. */
  readonly done: readonly RawDiffEntry[];
}

/** Throws `restore_refused` before anything is touched. */
export async function restoreThread(
  plumbing: Plumbing,
  workspace: Workspace,
  request: ThreadRestore,
): Promise<ThreadRestored> {
  const { threadId, turnCount, eventId, safety, current, target, signal } = request;
  const listed = await listRefs(plumbing, workspace, undefined, signal);
  const since = target.takenAtMs;
  const mine = stretchesOf(listed.filter((one) => one.threadId === threadId)).filter(
    (one) =>
      one.to !== undefined &&
      one.revertId !== eventId &&
      (one.turnCount === undefined ? one.to.takenAtMs >= since : one.turnCount > turnCount),
  );
  const threads = new Set(listed.map((one) => one.threadId));
  threads.delete(threadId);
  const theirs = [...threads].flatMap((other) =>
    stretchesOf(listed.filter((one) => one.threadId === other)).filter(({ to }) =>
      to === undefined ? request.isRunning(other) : to.takenAtMs >= since,
    ),
  );
  const own = await lastChanges(plumbing, workspace, mine, signal);
  const others = await changedPaths(plumbing, workspace, { stretches: theirs, nowTree: current.treeOid, signal });

  const restored = await restoreTree(plumbing, workspace, {
    fromTree: current.treeOid,
    toTree: target.treeOid,
    skippedInTo: parseFacts(target.facts).skipped,
    isWanted: ({ path }) => own.has(path),
    keepReason: ({ path, oldMode, oldOid }) => {
      if (others.has(path)) return "changed by another thread since";
      return own.get(path) === `${oldMode} ${oldOid}` ? undefined : "changed since this thread's last turn";
    },
    keepsObstructed: true,
    beforeChanges: request.beforeChanges,
    onChanged: request.onChanged,
    signal,
  });

  // What a revert that was cut off had done already counts as done by this one.
  const trees = { from: safety.treeOid, to: target.treeOid };
  const wanted = (await changesBetween(plumbing, workspace, trees, undefined)).filter(({ path }) => own.has(path));
  const open = await changesBetween(plumbing, workspace, { from: current.treeOid, to: target.treeOid }, undefined);
  const openPaths = new Set(open.map(({ path }) => path));
  const earlier = wanted.filter(({ path }) => !openPaths.has(path));
  const files = [...restored, ...earlier.map(reportOf)].sort((one, other) => (one.path < other.path ? -1 : 1));

  const isDone = new Set(files.filter(({ outcome }) => outcome === "restored" || outcome === "deleted").map(pathOf));
  const done = wanted.filter(({ path }) => isDone.has(displayPath(path)));
  return { files, done };
}

const pathOf = ({ path }: RestoredPath) => path;

const reportOf = ({ path, status }: RawDiffEntry): RestoredPath => ({
  path: displayPath(path),
  outcome: status === "D" ? "deleted" : "restored",
});

/** The tree with these changes and no others. */
export function withChanges(
  plumbing: Plumbing,
  workspace: Workspace,
  treeOid: string,
  changes: readonly RawDiffEntry[],
): Promise<string> {
  if (changes.length === 0) return Promise.resolve(treeOid);
  return plumbing.withScratch(async (scratch) => {
    const call = { indexFile: `${scratch}/index`, cwd: workspace.topLevel };
    await plumbing.raw(workspace, ["read-tree", treeOid], call);
    const line = ({ newMode, newOid, path }: RawDiffEntry) =>
      `${newMode === "000000" ? "0" : newMode} ${newOid}\t${path}` as BytePath;
    const gone = changes.filter(({ status }) => status === "D");
    const rest = changes.filter(({ status }) => status !== "D");
    await plumbing.raw(workspace, ["update-index", "--add", "--replace", "-z", "--index-info"], {
      ...call,
      input: joinNul([...gone, ...rest].map(line)),
    });
    return oneLine(await plumbing.raw(workspace, ["write-tree", "--missing-ok"], call));
  });
}
