// Checkpoints of workspaces: taken before the first turn of a thread and after every turn.
// One operation at a time per checkout; different checkouts run side by side.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { CheckpointRef, EventId, ThreadId } from "@muster/contracts";
import { stretchesOf } from "./attribution.ts";
import { allEnded } from "./concurrency.ts";
import { type CheckpointDiff, diffTrees } from "./diff.ts";
import { CheckpointError, isCheckpointError, withTypedFailures } from "./errors.ts";
import { factsOf, parseFacts, saysTheSame } from "./facts.ts";
import type { Environment } from "./git.ts";
import { CAPTURE_ATTEMPTS, CHECKPOINT_LIMITS, type CheckpointLimits } from "./limits.ts";
import { KeyedMutex } from "./mutex.ts";
import { Plumbing } from "./plumbing.ts";
import {
  afterRef,
  againRef,
  changeRefs,
  type ListedCheckpoint,
  listRefs,
  type RefChange,
  requireRef,
  resolveRef,
  revertedRef,
  safetyRef,
  startRef,
  turnRef,
  writeCommit,
} from "./refs.ts";
import { restoreTree } from "./restore.ts";
import type { RestoredPath } from "./restore-plan.ts";
import { type SkippedPath, type Snapshot, takeSnapshot } from "./snapshot.ts";
import { restoreThread, withChanges } from "./thread-restore.ts";
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

export interface RevertOfThread {
  readonly threadId: ThreadId;
  readonly turnCount: number;
  readonly eventId: EventId;
  /** The state now, as `safety` gave it. */
  readonly fromRef: CheckpointRef;
  /** The thread's checkpoint with that turn count. */
  readonly toRef: CheckpointRef;
  /** Whether a turn that left no end can be at work: one of a daemon that was killed is not. */
  readonly isRunning: (threadId: ThreadId) => boolean;
  /** Called once, when nothing can refuse any more and the first file is touched next; not where there is none to touch. */
  readonly beforeChanges?: () => Promise<void>;
  /** Called after each path that was tried. */
  readonly onChanged?: () => void;
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
   * Throws `not_a_directory`, `limit_exceeded`, `git_failed`, `git_not_found`, `io_failed`.
   */
  async capture(request: InWorkspace & { threadId: ThreadId; turnCount: number }): Promise<CapturedCheckpoint> {
    return this.#captureTo(request, turnRef(request.threadId, request.turnCount));
  }

  /** Takes the checkpoint of the moment before a turn's prompt, so that the turn's own changes can be told from others'. */
  async captureStart(request: InWorkspace & { threadId: ThreadId; turnCount: number }): Promise<CapturedCheckpoint> {
    return this.#captureTo(request, startRef(request.threadId, request.turnCount));
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
    const { skipped } = parseFacts(existing.facts);
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
   * Touches only paths that differ between the two, and of these no ignored file, and nothing that `fromRef`
   * does not hold. The index, HEAD, branches
   * and stash stay as they are. Called again with a new safety checkpoint it has nothing left to do.
   * Throws `checkpoint_missing`, and `restore_refused` before anything is touched.
   */
  async restore(request: InWorkspace & { fromRef: CheckpointRef; toRef: CheckpointRef }): Promise<RestoredPath[]> {
    const { signal } = request;
    const workspace = await this.#locate(request);
    return this.#alone(workspace, async () => {
      const from = await requireRef(this.#plumbing, workspace, request.fromRef, signal);
      const to = await requireRef(this.#plumbing, workspace, request.toRef, signal);
      return restoreTree(this.#plumbing, workspace, {
        fromTree: from.treeOid,
        toTree: to.treeOid,
        skippedInTo: parseFacts(to.facts).skipped,
        signal,
      });
    });
  }

  /**
   * Undoes what a thread changed after its checkpoint `toRef`, from the safety checkpoint of that event. A path
   * that another thread changed since, also one whose turn runs now, or a hand since the thread's last change, is
   * `kept`; what the thread did not change is neither touched nor reported. Otherwise as `restore`.
   */
  async restoreThread(request: InWorkspace & RevertOfThread): Promise<readonly RestoredPath[]> {
    const { signal, threadId, turnCount, eventId, isRunning, beforeChanges, onChanged } = request;
    const workspace = await this.#locate(request);
    return this.#alone(workspace, async () => {
      const [safety, current, target] = await allEnded([
        requireRef(this.#plumbing, workspace, safetyRef(threadId, eventId), signal),
        requireRef(this.#plumbing, workspace, request.fromRef, signal),
        requireRef(this.#plumbing, workspace, request.toRef, signal),
      ]);
      const asked = { threadId, turnCount, eventId, isRunning, beforeChanges, onChanged };
      const event = { ...asked, safety, current, target, signal };
      const { files, done } = await restoreThread(this.#plumbing, workspace, event);
      try {
        const treeOid = await withChanges(this.#plumbing, workspace, safety.treeOid, done);
        const { skipped } = parseFacts(safety.facts);
        await this.#put(workspace, afterRef(threadId, eventId), { treeOid, skipped }, undefined);
      } catch (error) {
        // The files are back; without this a later revert keeps them where it might have changed them.
        if (!(error instanceof CheckpointError)) throw error;
      }
      return files;
    });
  }

  /** All checkpoints of a thread in this workspace's repository; none is an empty list. */
  async list(request: InWorkspace & { threadId: ThreadId }): Promise<ListedCheckpoint[]> {
    const workspace = await this.#locate(request);
    return listRefs(this.#plumbing, workspace, request.threadId, request.signal);
  }

  /**
   * Whether a turn's start was taken here, whether its end was, and which other threads have worked in this checkout
   * since it began. Undefined: it never came to its prompt.
   */
  async begun(
    request: InWorkspace & { threadId: ThreadId; turnCount: number },
  ): Promise<{ readonly hasEnd: boolean; readonly threadsBeside: readonly ThreadId[] } | undefined> {
    const workspace = await this.#locate(request);
    const listed = await listRefs(this.#plumbing, workspace, undefined, request.signal);
    const ofTurn = listed.filter((one) => one.threadId === request.threadId && one.turnCount === request.turnCount);
    const start = ofTurn.find(({ kind }) => kind === "start");
    if (start === undefined) return undefined;
    const others = new Set(listed.map(({ threadId }) => threadId));
    others.delete(request.threadId);
    const threadsBeside = [...others].filter((other) =>
      stretchesOf(listed.filter(({ threadId }) => threadId === other)).some(
        ({ from, to }) =>
          (from.topLevel ?? start.topLevel) === start.topLevel && (to ?? from).takenAtMs >= start.takenAtMs,
      ),
    );
    return { hasEnd: ofTurn.some(({ kind }) => kind === "turn"), threadsBeside };
  }

  /** Deletes all refs of a thread and returns how many; git frees the space when it next collects garbage. */
  async deleteThread(request: InWorkspace & { threadId: ThreadId }): Promise<number> {
    const workspace = await this.#locate(request);
    return this.#alone(workspace, async () => {
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
   * Moves the checkpoints of turns above `turnCount`, and of their starts, below `reverted/<eventId>`, all or none,
   * and returns their new refs. Called again for the same event it finds nothing to move.
   */
  async dropAfter(
    request: InWorkspace & { threadId: ThreadId; turnCount: number; eventId: EventId },
  ): Promise<CheckpointRef[]> {
    const workspace = await this.#locate(request);
    return this.#alone(workspace, async () => {
      const listed = await listRefs(this.#plumbing, workspace, request.threadId, request.signal);
      const oids = new Map(listed.map((entry) => [entry.checkpointRef, entry.commitOid]));
      const moved: CheckpointRef[] = [];
      const changes: RefChange[] = [];
      for (const { checkpointRef, kind, turnCount = 0, commitOid } of listed) {
        if ((kind !== "turn" && kind !== "start") || turnCount <= request.turnCount) continue;
        const ref = revertedRef(request.threadId, request.eventId, { kind, turnCount });
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
    return this.#alone(workspace, async () => {
      const snapshot = await this.#snapshot(workspace, request.signal);
      await this.#put(workspace, checkpointRef, snapshot, request.signal);
      return { checkpointRef, status: "ready", ...snapshot };
    });
  }

  async #put(
    workspace: Workspace,
    ref: CheckpointRef,
    { treeOid, skipped }: Snapshot,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const existing = await resolveRef(this.#plumbing, workspace, ref, signal);
    const takenAtMs = this.#nowMs();
    const facts = factsOf(workspace, skipped, takenAtMs);
    if (existing?.treeOid === treeOid && saysTheSame(parseFacts(existing.facts), facts)) return;
    const commit = { treeOid, message: `Muster checkpoint\n\n${JSON.stringify(facts)}\n`, takenAtMs };
    const newOid = await writeCommit(this.#plumbing, workspace, commit, signal);
    await changeRefs(this.#plumbing, workspace, [{ ref, newOid, oldOid: existing?.commitOid }], signal);
  }

  /** Files may come and go while they are read; then git fails and the files are read again. */
  async #snapshot(workspace: Workspace, signal: AbortSignal | undefined): Promise<Snapshot> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await takeSnapshot(this.#plumbing, workspace, signal);
      } catch (error) {
        const mayPass = isCheckpointError(error, "git_failed") && !error.details.timedOut;
        if (!mayPass || attempt === CAPTURE_ATTEMPTS) throw error;
        // A shadow's index only spares reading: a power loss may have left half of it.
        if (workspace.kind === "shadow") await rm(workspace.indexFile, { force: true });
      }
    }
  }

  #locate(request: InWorkspace): Promise<Workspace> {
    const { workspaceRoot, signal } = request;
    const { git } = this.#plumbing;
    return withTypedFailures(
      locateWorkspace({ git, dataDir: this.#dataDir, ownDir: this.#ownDir, workspaceRoot, signal }),
    );
  }

  #alone<Result>(workspace: Workspace, work: () => Promise<Result>): Promise<Result> {
    return withTypedFailures(this.#mutex.run(workspace.topLevel, work));
  }
}
