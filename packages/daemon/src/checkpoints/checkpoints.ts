// Checkpoints of workspaces: taken before the first turn of a thread and after every turn.
// One operation at a time per checkout; different checkouts run side by side.
import { join } from "node:path";
import type { CheckpointRef, EventId, ThreadId } from "@muster/contracts";
import { z } from "zod";
import { type CheckpointDiff, diffTrees } from "./diff.ts";
import { isCheckpointError } from "./errors.ts";
import type { Environment } from "./git.ts";
import { CAPTURE_ATTEMPTS, CHECKPOINT_LIMITS, type CheckpointLimits } from "./limits.ts";
import { KeyedMutex } from "./mutex.ts";
import { Plumbing } from "./plumbing.ts";
import {
  againRef,
  changeRefs,
  type ListedCheckpoint,
  listRefs,
  type RefChange,
  requireRef,
  resolveRef,
  revertedRef,
  safetyRef,
  turnRef,
  writeCommit,
} from "./refs.ts";
import { restoreTree } from "./restore.ts";
import type { RestoredPath } from "./restore-plan.ts";
import { SKIP_REASONS, type SkippedPath, type Snapshot, takeSnapshot } from "./snapshot.ts";
import { locateWorkspace, type Workspace } from "./workspace.ts";

export interface CheckpointsOptions {
  /** A folder of ours; created when missing. Where it lies in a workspace, checkpoints leave it out. */
  readonly dataDir: string;
  /** The time that goes into a checkpoint, in ms since 1970. */
  readonly nowMs: () => number;
  /** The environment of this process: git gets PATH, HOME, XDG_CONFIG_HOME and the temporary folder of it. */
  readonly environment: Environment;
  /** The git program; "git" from PATH when left out. */
  readonly gitBinary?: string;
  readonly limits?: Partial<CheckpointLimits>;
}

export interface CapturedCheckpoint {
  readonly checkpointRef: CheckpointRef;
  readonly status: "ready";
  readonly treeOid: string;
  /** What the checkpoint leaves out, and why. */
  readonly skipped: readonly SkippedPath[];
}

export interface SafetyCheckpoint extends CapturedCheckpoint {
  /** The state of this moment, which a restore starts from: another ref where the safety checkpoint was there already. */
  readonly currentRef: CheckpointRef;
}

interface InWorkspace {
  readonly workspaceRoot: string;
  /** Ends git and rejects with the signal's reason; no ref is half written. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A checkpoint is a commit behind a hidden ref. Its tree holds the workspace folder's files byte for
 * byte: tracked and untracked ones, no ignored ones; no filter (LFS among them), line-end rule, hook
 * or driver of git has a part in it. A nested repository is left out; a submodule is its commit alone.
 * Paths are relative to the workspace root. A workspace without a git repository of its own has its
 * checkpoints in a shadow repository below `dataDir`; one that gets a repository later starts anew there.
 */
export class Checkpoints {
  readonly #plumbing: Plumbing;
  readonly #ownDir: string;
  readonly #dataDir: string;
  readonly #nowMs: () => number;
  readonly #mutex = new KeyedMutex();

  constructor(options: CheckpointsOptions) {
    const limits = { ...CHECKPOINT_LIMITS, ...options.limits };
    this.#ownDir = options.dataDir;
    this.#dataDir = join(options.dataDir, "checkpoints");
    this.#nowMs = options.nowMs;
    this.#plumbing = new Plumbing({
      git: { binary: options.gitBinary ?? "git", callLimitMs: limits.gitCallMs, environment: options.environment },
      dataDir: this.#dataDir,
      limits,
    });
  }

  /**
   * Takes the checkpoint of a turn; turn count 0 is the state before the first turn.
   * Called again for the same files it keeps the ref and its time; for other files it replaces the ref.
   * Throws `not_a_directory`, `limit_exceeded`, `git_failed`, `git_not_found`.
   */
  async capture(request: InWorkspace & { threadId: ThreadId; turnCount: number }): Promise<CapturedCheckpoint> {
    return this.#captureTo(request, turnRef(request.threadId, request.turnCount));
  }

  /**
   * Takes the checkpoint that a revert needs before it touches a file. Called again for the same event it
   * keeps the first one, whatever the files are now: a revert that was cut off has changed some of them.
   * Throws as `capture`.
   */
  async safety(request: InWorkspace & { threadId: ThreadId; eventId: EventId }): Promise<SafetyCheckpoint> {
    const checkpointRef = safetyRef(request.threadId, request.eventId);
    const workspace = await this.#locate(request);
    const existing = await resolveRef(this.#plumbing, workspace, checkpointRef, request.signal);
    if (existing === undefined) {
      return { ...(await this.#captureTo(request, checkpointRef)), currentRef: checkpointRef };
    }
    const current = await this.#captureTo(request, againRef(request.threadId, request.eventId));
    const { skipped } = CommitFacts.parse(JSON.parse(existing.facts));
    const { treeOid } = existing;
    return { checkpointRef, status: "ready", treeOid, skipped, currentRef: current.checkpointRef };
  }

  /** What changed from one checkpoint to another. Throws `checkpoint_missing`, and what `capture` throws. */
  async diff(request: InWorkspace & { fromRef: CheckpointRef; toRef: CheckpointRef }): Promise<CheckpointDiff> {
    const workspace = await this.#locate(request);
    const from = await requireRef(this.#plumbing, workspace, request.fromRef, request.signal);
    const to = await requireRef(this.#plumbing, workspace, request.toRef, request.signal);
    return diffTrees(this.#plumbing, workspace, { from: from.treeOid, to: to.treeOid }, request.signal);
  }

  /**
   * Brings the files from one checkpoint to another: `fromRef` is the state now, a safety checkpoint.
   * Touches only paths that differ between the two, and of these none of `keepPaths` (spelled as reports
   * spell them), no ignored file, and nothing that `fromRef` does not hold. The index, HEAD, branches
   * and stash stay as they are. Called again with a new safety checkpoint it has nothing left to do.
   * Throws `checkpoint_missing`, and `restore_refused` before anything is touched.
   */
  async restore(
    request: InWorkspace & { fromRef: CheckpointRef; toRef: CheckpointRef; keepPaths?: ReadonlySet<string> },
  ): Promise<RestoredPath[]> {
    const { signal } = request;
    const workspace = await this.#locate(request);
    return this.#mutex.run(workspace.topLevel, async () => {
      const from = await requireRef(this.#plumbing, workspace, request.fromRef, signal);
      const to = await requireRef(this.#plumbing, workspace, request.toRef, signal);
      return restoreTree(this.#plumbing, workspace, {
        fromTree: from.treeOid,
        toTree: to.treeOid,
        skippedInTo: CommitFacts.parse(JSON.parse(to.facts)).skipped,
        keepPaths: request.keepPaths ?? new Set(),
        signal,
      });
    });
  }

  /** All checkpoints of a thread in this workspace's repository; none is an empty list. */
  async list(request: InWorkspace & { threadId: ThreadId }): Promise<ListedCheckpoint[]> {
    const workspace = await this.#locate(request);
    return listRefs(this.#plumbing, workspace, request.threadId, request.signal);
  }

  /** Deletes all refs of a thread and returns how many; git frees the space when it next collects garbage. */
  async deleteThread(request: InWorkspace & { threadId: ThreadId }): Promise<number> {
    const workspace = await this.#locate(request);
    return this.#mutex.run(workspace.topLevel, async () => {
      const listed = await listRefs(this.#plumbing, workspace, request.threadId, request.signal);
      const changes = listed.map((entry) => ({
        ref: entry.checkpointRef,
        newOid: undefined,
        oldOid: entry.commitOid,
      }));
      await changeRefs(this.#plumbing, workspace, changes, request.signal);
      return listed.length;
    });
  }

  /**
   * Moves the checkpoints of turns above `turnCount` to `reverted/<eventId>/<n>`, all or none, and
   * returns their new refs. Called again for the same event it finds nothing to move.
   */
  async dropAfter(
    request: InWorkspace & { threadId: ThreadId; turnCount: number; eventId: EventId },
  ): Promise<CheckpointRef[]> {
    const workspace = await this.#locate(request);
    return this.#mutex.run(workspace.topLevel, async () => {
      const listed = await listRefs(this.#plumbing, workspace, request.threadId, request.signal);
      const oids = new Map(listed.map((entry) => [entry.checkpointRef, entry.commitOid]));
      const moved: CheckpointRef[] = [];
      const changes: RefChange[] = [];
      for (const { checkpointRef, kind, turnCount, commitOid } of listed) {
        if (kind !== "turn" || turnCount === undefined || turnCount <= request.turnCount) continue;
        const ref = revertedRef(request.threadId, request.eventId, turnCount);
        moved.push(ref);
        changes.push({ ref, newOid: commitOid, oldOid: oids.get(ref) });
        changes.push({ ref: checkpointRef, newOid: undefined, oldOid: commitOid });
      }
      await changeRefs(this.#plumbing, workspace, changes, request.signal);
      return moved;
    });
  }

  async #captureTo(request: InWorkspace, checkpointRef: CheckpointRef): Promise<CapturedCheckpoint> {
    const workspace = await this.#locate(request);
    return this.#mutex.run(workspace.topLevel, async () => {
      const { treeOid, skipped } = await this.#snapshot(workspace, request.signal);
      const existing = await resolveRef(this.#plumbing, workspace, checkpointRef, request.signal);
      const facts = JSON.stringify({ skipped } satisfies CommitFacts);
      if (existing?.treeOid !== treeOid || existing.facts !== facts) {
        const commit = { treeOid, message: `Muster checkpoint\n\n${facts}\n`, takenAtMs: this.#nowMs() };
        const newOid = await writeCommit(this.#plumbing, workspace, commit, request.signal);
        const change = { ref: checkpointRef, newOid, oldOid: existing?.commitOid };
        await changeRefs(this.#plumbing, workspace, [change], request.signal);
      }
      return { checkpointRef, status: "ready", treeOid, skipped };
    });
  }

  /** Files may come and go while they are read; then git fails and the files are read again. */
  async #snapshot(workspace: Workspace, signal: AbortSignal | undefined): Promise<Snapshot> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await takeSnapshot(this.#plumbing, workspace, signal);
      } catch (error) {
        const mayPass = isCheckpointError(error, "git_failed") && !error.details.timedOut;
        if (!mayPass || attempt === CAPTURE_ATTEMPTS) throw error;
      }
    }
  }

  #locate(request: InWorkspace): Promise<Workspace> {
    const { workspaceRoot, signal } = request;
    return locateWorkspace({
      git: this.#plumbing.git,
      dataDir: this.#dataDir,
      ownDir: this.#ownDir,
      workspaceRoot,
      signal,
    });
  }
}

/** The skipped paths travel in the commit: a restore must know what a checkpoint could not say. */
const CommitFacts = z.object({
  skipped: z.array(z.object({ path: z.string(), reason: z.enum(SKIP_REASONS) })).readonly(),
});
type CommitFacts = z.infer<typeof CommitFacts>;
