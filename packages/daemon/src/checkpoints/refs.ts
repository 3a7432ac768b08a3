// The hidden refs of a thread: refs/muster/checkpoints/<threadId>/{start/<n>, turn/<n>, safety/<eventId>,
// again/<eventId>, after/<eventId>, reverted/<eventId>/<n>, reverted/<eventId>/start/<n>}. No porcelain of git lists, pushes or prunes them; their commits have no
// parents. Every move is one transaction of update-ref with the old value in it.
import { CheckpointRef, EventId, ThreadId } from "@muster/contracts";
import { CheckpointError } from "./errors.ts";
import { parseFacts } from "./facts.ts";
import { oneLine } from "./git.ts";
import type { Plumbing } from "./plumbing.ts";
import type { SkippedPath } from "./snapshot.ts";
import type { Workspace } from "./workspace.ts";

export function turnRef(threadId: ThreadId, turnCount: number): CheckpointRef {
  return CheckpointRef.parse(`${threadPrefix(threadId)}turn/${requireCount(turnCount)}`);
}

/** Before the turn's prompt: with the turn's own checkpoint it says what changed during the turn. */
export function startRef(threadId: ThreadId, turnCount: number): CheckpointRef {
  return CheckpointRef.parse(`${threadPrefix(threadId)}start/${requireCount(turnCount)}`);
}

function requireCount(turnCount: number): number {
  if (!Number.isSafeInteger(turnCount) || turnCount < 0) throw new RangeError(`no turn count: ${turnCount}`);
  return turnCount;
}

export function safetyRef(threadId: ThreadId, eventId: EventId): CheckpointRef {
  return CheckpointRef.parse(`${threadPrefix(threadId)}safety/${EventId.parse(eventId)}`);
}

/** The state that a revert found when it was done again; unlike the safety checkpoint it may move. */
export function againRef(threadId: ThreadId, eventId: EventId): CheckpointRef {
  return CheckpointRef.parse(`${threadPrefix(threadId)}again/${EventId.parse(eventId)}`);
}

/** The safety checkpoint's files with what the revert changed: the revert's own work, as a turn has its own. */
export function afterRef(threadId: ThreadId, eventId: EventId): CheckpointRef {
  return CheckpointRef.parse(`${threadPrefix(threadId)}after/${EventId.parse(eventId)}`);
}

/** Where the checkpoint of a turn, or of its start, goes when a revert puts it aside. */
export function revertedRef(
  threadId: ThreadId,
  eventId: EventId,
  { kind, turnCount }: Pick<ListedCheckpoint, "kind" | "turnCount">,
): CheckpointRef {
  const name = kind === "start" ? `start/${turnCount}` : `${turnCount}`;
  return CheckpointRef.parse(`${threadPrefix(threadId)}reverted/${EventId.parse(eventId)}/${name}`);
}

export function threadPrefix(threadId: ThreadId): string {
  return `${ALL_THREADS}/${ThreadId.parse(threadId)}/`;
}

const ALL_THREADS = "refs/muster/checkpoints";

export interface ResolvedCheckpoint {
  readonly commitOid: string;
  readonly treeOid: string;
  /** The one line of JSON below the commit's subject. */
  readonly facts: string;
  readonly takenAtMs: number;
}

/** Undefined when there is no such ref. */
export async function resolveRef(
  plumbing: Plumbing,
  workspace: Workspace,
  ref: CheckpointRef,
  signal?: AbortSignal,
): Promise<ResolvedCheckpoint | undefined> {
  const { stdout } = await plumbing.real(
    workspace,
    [
      "for-each-ref",
      "--format=%(refname) %(objectname) %(tree) %(committerdate:unix) %(contents:body)",
      CheckpointRef.parse(ref),
    ],
    { signal },
  );
  for (const line of stdout.toString("utf8").split("\n")) {
    const [name, commitOid, treeOid, seconds, ...rest] = line.split(" ");
    if (name !== ref || !commitOid || !treeOid) continue;
    const facts = rest.join(" ");
    return { commitOid, treeOid, facts, takenAtMs: parseFacts(facts).takenAtMs ?? Number(seconds) * 1000 };
  }
  return undefined;
}

/** Throws `checkpoint_missing`. */
export async function requireRef(
  plumbing: Plumbing,
  workspace: Workspace,
  ref: CheckpointRef,
  signal?: AbortSignal,
): Promise<ResolvedCheckpoint> {
  const resolved = await resolveRef(plumbing, workspace, ref, signal);
  if (resolved === undefined) {
    throw new CheckpointError("checkpoint_missing", `there is no checkpoint ${ref}`, { checkpointRef: ref });
  }
  return resolved;
}

export interface RefChange {
  readonly ref: string;
  /** Undefined deletes the ref. */
  readonly newOid: string | undefined;
  /** Undefined: the ref must not exist. */
  readonly oldOid: string | undefined;
}

/** All changes or none. Throws `git_failed` when a ref has another value than `oldOid` says. */
export async function changeRefs(
  plumbing: Plumbing,
  workspace: Workspace,
  changes: readonly RefChange[],
  signal?: AbortSignal,
): Promise<void> {
  if (changes.length === 0) return;
  const zeros = "0".repeat(workspace.objectFormat === "sha256" ? 64 : 40);
  const lines = changes.map(({ ref, newOid, oldOid }) =>
    newOid === undefined ? `delete ${ref}\0${oldOid ?? zeros}\0` : `update ${ref}\0${newOid}\0${oldOid ?? zeros}\0`,
  );
  await plumbing.real(workspace, ["update-ref", "--stdin", "-z"], { input: Buffer.from(lines.join("")), signal });
}

export interface ListedCheckpoint {
  readonly checkpointRef: CheckpointRef;
  readonly threadId: ThreadId;
  readonly kind: "start" | "turn" | "safety" | "again" | "after" | "reverted" | "reverted-start";
  /** Of turns, also reverted ones. */
  readonly turnCount?: number;
  /** Of the revert that a safety or reverted checkpoint belongs to. */
  readonly eventId?: EventId;
  readonly commitOid: string;
  readonly treeOid: string;
  readonly takenAtMs: number;
  /** Of the workspace it was taken in; checkpoints of older versions do not say it. */
  readonly topLevel?: string | undefined;
  readonly prefix?: string | undefined;
  /** What it leaves out. */
  readonly skipped: readonly SkippedPath[];
}

/** Turns and starts by count, then the others by name; without a thread those of all threads in the repository. */
export async function listRefs(
  plumbing: Plumbing,
  workspace: Workspace,
  threadId: ThreadId | undefined,
  signal?: AbortSignal,
): Promise<ListedCheckpoint[]> {
  const folder = threadId === undefined ? ALL_THREADS : threadPrefix(threadId).slice(0, -1);
  const format = "--format=%(refname) %(objectname) %(tree) %(committerdate:unix) %(contents:body)";
  const { stdout } = await plumbing.real(workspace, ["for-each-ref", format, folder], { signal });
  const listed: ListedCheckpoint[] = [];
  for (const line of stdout.toString("utf8").split("\n")) {
    const [name = "", commitOid = "", treeOid = "", seconds = "", ...rest] = line.split(" ");
    const [owner = "", ...names] = name.slice(ALL_THREADS.length + 1).split("/");
    if (!CheckpointRef.safeParse(name).success || !ThreadId.safeParse(owner).success) continue;
    const place = placeOf(names);
    if (place === undefined) continue;
    const checkpointRef = CheckpointRef.parse(name);
    const { topLevel, prefix, skipped, takenAtMs = Number(seconds) * 1000 } = parseFacts(rest.join(" "));
    const where = { threadId: ThreadId.parse(owner), topLevel, prefix, skipped };
    listed.push({ checkpointRef, ...where, ...place, commitOid, treeOid, takenAtMs });
  }
  const rank = ({ kind, turnCount }: ListedCheckpoint) =>
    kind === "turn" || kind === "start" ? (turnCount ?? 0) : Number.MAX_SAFE_INTEGER;
  const sub = ({ kind, turnCount }: ListedCheckpoint) => (kind.startsWith("reverted") ? (turnCount ?? 0) : 0);
  return listed.sort(
    (one, other) =>
      rank(one) - rank(other) || sub(one) - sub(other) || (one.checkpointRef < other.checkpointRef ? -1 : 1),
  );
}

/** Undefined for a ref that is none of ours: somebody made it by hand. */
function placeOf(names: readonly string[]): Pick<ListedCheckpoint, "kind" | "turnCount" | "eventId"> | undefined {
  const [kind, first = "", second = "", third = ""] = names;
  if (kind === "turn" || kind === "start") return isCount(first) ? { kind, turnCount: Number(first) } : undefined;
  const event = EventId.safeParse(first);
  if (!event.success) return undefined;
  const eventId = event.data;
  if (kind === "safety" || kind === "again" || kind === "after") return { kind, eventId };
  if (kind !== "reverted") return undefined;
  if (second === "start")
    return isCount(third) ? { kind: "reverted-start", eventId, turnCount: Number(third) } : undefined;
  return isCount(second) ? { kind, eventId, turnCount: Number(second) } : undefined;
}

const isCount = (name: string): boolean => /^\d{1,15}$/.test(name);

const AUTHOR = { name: "Muster", email: "checkpoints@muster.invalid" };

/** Writes a commit without parents; the same tree, message and time give the same commit. */
export async function writeCommit(
  plumbing: Plumbing,
  workspace: Workspace,
  commit: { readonly treeOid: string; readonly message: string; readonly takenAtMs: number },
  signal?: AbortSignal,
): Promise<string> {
  const date = `@${Math.floor(commit.takenAtMs / 1000)} +0000`;
  const result = await plumbing.raw(workspace, ["commit-tree", commit.treeOid], {
    input: Buffer.from(commit.message),
    signal,
    env: {
      GIT_AUTHOR_NAME: AUTHOR.name,
      GIT_AUTHOR_EMAIL: AUTHOR.email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: AUTHOR.name,
      GIT_COMMITTER_EMAIL: AUTHOR.email,
      GIT_COMMITTER_DATE: date,
    },
  });
  return oneLine(result);
}
