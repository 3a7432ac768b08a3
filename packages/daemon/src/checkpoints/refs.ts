// The hidden refs of a thread: refs/muster/checkpoints/<threadId>/{turn/<n>, safety/<eventId>,
// again/<eventId>, reverted/<eventId>/<n>}. No porcelain of git lists, pushes or prunes them; their commits have no
// parents. Every move is one transaction of update-ref with the old value in it.
import { CheckpointRef, EventId, ThreadId } from "@muster/contracts";
import { CheckpointError } from "./errors.ts";
import { oneLine } from "./git.ts";
import type { Plumbing } from "./plumbing.ts";
import type { Workspace } from "./workspace.ts";

export function turnRef(threadId: ThreadId, turnCount: number): CheckpointRef {
  if (!Number.isSafeInteger(turnCount) || turnCount < 0) throw new RangeError(`no turn count: ${turnCount}`);
  return CheckpointRef.parse(`${threadPrefix(threadId)}turn/${turnCount}`);
}

export function safetyRef(threadId: ThreadId, eventId: EventId): CheckpointRef {
  return CheckpointRef.parse(`${threadPrefix(threadId)}safety/${EventId.parse(eventId)}`);
}

/** The state that a revert found when it was done again; unlike the safety checkpoint it may move. */
export function againRef(threadId: ThreadId, eventId: EventId): CheckpointRef {
  return CheckpointRef.parse(`${threadPrefix(threadId)}again/${EventId.parse(eventId)}`);
}

export function revertedRef(threadId: ThreadId, eventId: EventId, turnCount: number): CheckpointRef {
  return CheckpointRef.parse(`${threadPrefix(threadId)}reverted/${EventId.parse(eventId)}/${turnCount}`);
}

export function threadPrefix(threadId: ThreadId): string {
  return `refs/muster/checkpoints/${ThreadId.parse(threadId)}/`;
}

export interface ResolvedCheckpoint {
  readonly commitOid: string;
  readonly treeOid: string;
  /** The one line of JSON below the commit's subject. */
  readonly facts: string;
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
    ["for-each-ref", "--format=%(refname) %(objectname) %(tree) %(contents:body)", CheckpointRef.parse(ref)],
    { signal },
  );
  for (const line of stdout.toString("utf8").split("\n")) {
    const [name, commitOid, treeOid, ...facts] = line.split(" ");
    if (name === ref && commitOid && treeOid) return { commitOid, treeOid, facts: facts.join(" ") };
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
  readonly kind: "turn" | "safety" | "again" | "reverted";
  /** Of turns, also reverted ones. */
  readonly turnCount?: number;
  /** Of the revert that a safety or reverted checkpoint belongs to. */
  readonly eventId?: EventId;
  readonly commitOid: string;
  readonly treeOid: string;
  /** Whole seconds. */
  readonly takenAtMs: number;
}

/** Turns by count, then safety and reverted ones by name. */
export async function listRefs(
  plumbing: Plumbing,
  workspace: Workspace,
  threadId: ThreadId,
  signal?: AbortSignal,
): Promise<ListedCheckpoint[]> {
  const prefix = threadPrefix(threadId);
  const format = "--format=%(refname) %(objectname) %(tree) %(committerdate:unix)";
  const { stdout } = await plumbing.real(workspace, ["for-each-ref", format, prefix.slice(0, -1)], { signal });
  const listed: ListedCheckpoint[] = [];
  for (const line of stdout.toString("utf8").split("\n")) {
    const [name = "", commitOid = "", treeOid = "", seconds = ""] = line.split(" ");
    const place = placeOf(name.slice(prefix.length));
    if (place === undefined) continue;
    const checkpointRef = CheckpointRef.parse(name);
    listed.push({ checkpointRef, ...place, commitOid, treeOid, takenAtMs: Number(seconds) * 1000 });
  }
  const rank = ({ kind, turnCount }: ListedCheckpoint) =>
    kind === "turn" ? (turnCount ?? 0) : Number.MAX_SAFE_INTEGER;
  return listed.sort((one, other) => rank(one) - rank(other) || (one.checkpointRef < other.checkpointRef ? -1 : 1));
}

function placeOf(name: string): Pick<ListedCheckpoint, "kind" | "turnCount" | "eventId"> | undefined {
  const [kind, first, second] = name.split("/");
  if (first === undefined) return undefined;
  if (kind === "turn") return { kind, turnCount: Number(first) };
  if (kind === "safety" || kind === "again") return { kind, eventId: EventId.parse(first) };
  if (kind === "reverted") return { kind, eventId: EventId.parse(first), turnCount: Number(second) };
  return undefined;
}

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
