// Who changed which path. Two checkpoints around a stretch of a thread's work say what changed in it: a turn from its
// start to its end, and a revert from its safety checkpoint to what it made of it.

import { type BytePath, bytePath } from "./byte-path.ts";
import { mapLimited } from "./concurrency.ts";
import { FILE_CALLS_IN_FLIGHT } from "./limits.ts";
import { subtreeOf } from "./objects.ts";
import type { Plumbing } from "./plumbing.ts";
import { parseRawDiff, type RawDiffEntry } from "./raw-diff.ts";
import type { ListedCheckpoint } from "./refs.ts";
import type { Workspace } from "./workspace.ts";

export interface Stretch {
  readonly from: ListedCheckpoint;
  /** Undefined: it has not ended. */
  readonly to: ListedCheckpoint | undefined;
  /** Of turns that no revert has put aside. */
  readonly turnCount?: number;
  /** Of the revert that this is. */
  readonly revertId?: string;
}

/** The stretches of one thread's work, in the order of their ends. */
export function stretchesOf(listed: readonly ListedCheckpoint[]): Stretch[] {
  const stretches: Stretch[] = [];
  const turnsOf = (eventId: string | undefined) =>
    listed.filter((one) => one.kind === (eventId === undefined ? "turn" : "reverted") && one.eventId === eventId);
  const put = new Set(listed.filter(({ kind }) => kind === "reverted").map(({ eventId }) => eventId));
  for (const eventId of [undefined, ...put]) {
    const turns = turnsOf(eventId);
    const startKind = eventId === undefined ? "start" : "reverted-start";
    const starts = listed.filter((one) => one.kind === startKind && one.eventId === eventId);
    for (const to of turns) {
      const { turnCount = 0 } = to;
      if (turnCount === 0) continue;
      const from =
        starts.find((start) => start.turnCount === turnCount) ??
        newestBelow(turns, turnCount) ??
        newestBelow(turnsOf(undefined), turnCount);
      if (from !== undefined) stretches.push({ from, to, ...(eventId === undefined ? { turnCount } : {}) });
    }
    if (eventId !== undefined) continue;
    const last = starts.at(-1);
    const isOpen = last !== undefined && turns.every(({ turnCount = 0 }) => turnCount < (last.turnCount ?? 0));
    if (isOpen) stretches.push({ from: last, to: undefined });
  }
  for (const to of listed) {
    if (to.kind !== "after" || to.eventId === undefined) continue;
    const from = listed.find(({ kind, eventId }) => kind === "safety" && eventId === to.eventId);
    if (from !== undefined) stretches.push({ from, to, revertId: to.eventId });
  }
  const end = ({ to }: Stretch) => to?.takenAtMs ?? Number.MAX_SAFE_INTEGER;
  // Turns were listed by count, which decides between equal times.
  return stretches.sort((one, other) => end(one) - end(other));
}

function newestBelow(turns: readonly ListedCheckpoint[], turnCount: number): ListedCheckpoint | undefined {
  return turns.findLast((turn) => (turn.turnCount ?? 0) < turnCount);
}

/** What differs between two trees; a rename is a deletion and an addition. */
export async function changesBetween(
  plumbing: Plumbing,
  workspace: Workspace,
  trees: { readonly from: string; readonly to: string },
  signal: AbortSignal | undefined,
): Promise<RawDiffEntry[]> {
  if (trees.from === trees.to) return [];
  const { stdout } = await plumbing.raw(
    workspace,
    ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--ignore-submodules=none", trees.from, trees.to],
    { signal },
  );
  return parseRawDiff(stdout);
}

/** What each path of the stretches held at the end of the last one that changed it. */
export async function lastChanges(
  plumbing: Plumbing,
  workspace: Workspace,
  stretches: readonly Stretch[],
  signal: AbortSignal | undefined,
): Promise<Map<BytePath, string>> {
  const held = new Map<BytePath, string>();
  for (const { from, to } of stretches) {
    if (to === undefined) continue;
    const trees = { from: from.treeOid, to: to.treeOid };
    for (const change of await changesBetween(plumbing, workspace, trees, signal)) {
      held.set(change.path, `${change.newMode} ${change.newOid}`);
    }
  }
  return held;
}

/**
 * The paths that the stretches changed, as this workspace names them. One that has not ended changed what differs
 * between its start and `nowTree`. Those of another checkout changed nothing here; those of a folder above or below
 * this one in the same checkout did.
 */
export async function changedPaths(
  plumbing: Plumbing,
  workspace: Workspace,
  request: {
    readonly stretches: readonly Stretch[];
    readonly nowTree: string;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Set<BytePath>> {
  const { stretches, nowTree, signal } = request;
  const paths = new Set<BytePath>();
  const subtree = (treeOid: string, path: string) => subtreeOf(plumbing, workspace, treeOid, path, { signal });
  await mapLimited(stretches, Math.min(8, FILE_CALLS_IN_FLIGHT), async ({ from, to }) => {
    const { topLevel = workspace.topLevel, prefix = workspace.prefix } = from;
    if (topLevel !== workspace.topLevel) return;
    const below = pathBelow(workspace.prefix, prefix);
    const above = pathBelow(prefix, workspace.prefix);
    if (below === undefined && above === undefined) return;
    const ours = async (treeOid: string) => (above ? subtree(treeOid, above) : treeOid);
    const trees = {
      from: await ours(from.treeOid),
      to: to !== undefined ? await ours(to.treeOid) : below ? await subtree(nowTree, below) : nowTree,
    };
    const prepended = below ? `${bytePath(below)}/` : "";
    for (const change of await changesBetween(plumbing, workspace, trees, signal)) {
      paths.add(`${prepended}${change.path}` as BytePath);
    }
  });
  return paths;
}

/** From folder `outer` to `inner`; "" when they are the same, undefined when `inner` is elsewhere. */
function pathBelow(outer: string, inner: string): string | undefined {
  if (outer === inner) return "";
  const start = outer === "" ? "" : `${outer}/`;
  return inner.startsWith(start) ? inner.slice(start.length) : undefined;
}
