// A revert: a safety checkpoint first, then the files back, then the conversation forgotten. What is impossible is refused
// before a file is touched, and said in the command that ends the revert. One that has begun is written down before, so
// that it comes to its end and is told of whatever ends in between: this process, or the hub's patience. Later checkpoints
// are put aside by an effect of their own, when the revert is in the hub's log: until then it may be given up there.
import { type EffectBody, EventId, type InternalCommand, MusterError } from "@muster/contracts";
import {
  CheckpointError,
  type Checkpoints,
  isCheckpointError,
  safetyRef as safetyRefOf,
} from "../checkpoints/index.ts";
import type { RevertEffect } from "../journal/index.ts";
import { REVERTED_FILES_MAX } from "./limits.ts";
import type { ProviderSessions } from "./sessions.ts";
import { checkWorkspace } from "./workspace.ts";

export type DropEffect = Extract<EffectBody, { kind: "node.checkpoint.drop" }>;
type RevertComplete = Extract<InternalCommand, { type: "thread.revert.complete" }>;

export interface RevertTools {
  readonly checkpoints: Checkpoints;
  readonly sessions: ProviderSessions;
  readonly workspaceRoots: readonly string[];
  /** A process before this one had begun it. */
  readonly isResumed: boolean;
  /** Writes down that it begins: durable when it resolves, and nothing was changed before. */
  readonly begin: () => Promise<void>;
  /** Called after each file that was tried. */
  readonly onChanged: () => void;
  readonly onBug: (error: unknown) => void;
}

/**
 * Never rejects for what the workspace holds: that is `error` of the command, with the safety checkpoint where files may
 * have been changed all the same. Doing it again changes nothing more.
 */
export async function revert(effect: RevertEffect, tools: RevertTools): Promise<RevertComplete> {
  const { threadId, turnCount, mode } = effect;
  const base = { type: "thread.revert.complete", threadId, turnCount, mode } as const;
  const eventId = EventId.parse(effect.eventId);
  let hasBegun = tools.isResumed;
  let mayHaveChanged = tools.isResumed && mode !== "conversation";
  const begin = async (): Promise<void> => {
    if (!hasBegun) await tools.begin();
    hasBegun = true;
  };
  try {
    const workspaceRoot = await checkWorkspace(effect.worktreePath ?? effect.workspaceRoot, tools.workspaceRoots);
    const { checkpointRef: safetyRef, currentRef: fromRef } = await tools.checkpoints.safety({
      workspaceRoot,
      threadId,
      eventId,
    });
    const restored =
      mode === "conversation"
        ? []
        : await tools.checkpoints.restoreThread({
            workspaceRoot,
            threadId,
            turnCount,
            eventId,
            fromRef,
            toRef: effect.checkpointRef,
            // A turn at work has its agent.
            isRunning: (other) => tools.sessions.get(other) !== undefined,
            beforeChanges: async () => {
              await begin();
              mayHaveChanged = true;
            },
            onChanged: tools.onChanged,
          });
    await begin();
    // Later checkpoints stay: the hub may have given the revert up, and then the thread still has their turns.
    if (mode !== "files") await tools.sessions.forget(threadId);
    const files = restored.slice(0, REVERTED_FILES_MAX).map(({ path, outcome, reason }) => ({
      path,
      outcome,
      ...(reason === undefined ? {} : { reason: reason.slice(0, 512) }),
    }));
    return { ...base, safetyRef, files, error: null };
  } catch (error) {
    return {
      ...base,
      safetyRef: mayHaveChanged ? safetyRefOf(threadId, eventId) : null,
      files: [],
      error: mayHaveChanged ? reasonInTheMiddle(error, tools.onBug) : reasonOf(error),
    };
  }
}

/** Puts aside the checkpoints of turns that the revert has dropped. Doing it again finds nothing to do. @throws MusterError */
export async function dropReverted(
  { threadId, turnCount, ...effect }: DropEffect,
  tools: { readonly checkpoints: Checkpoints; readonly workspaceRoots: readonly string[] },
): Promise<void> {
  const eventId = EventId.parse(effect.eventId);
  const workspaceRoot = await checkWorkspace(effect.worktreePath ?? effect.workspaceRoot, tools.workspaceRoots);
  try {
    await tools.checkpoints.dropAfter({ workspaceRoot, threadId, turnCount, eventId });
  } catch (error) {
    if (error instanceof CheckpointError) throw new MusterError("checkpoint_not_ready", reasonOf(error));
    throw error;
  }
}

/** Whatever it was: files are half changed, and somebody has to hear of it. */
function reasonInTheMiddle(error: unknown, onBug: (error: unknown) => void): string {
  if (error instanceof MusterError || error instanceof CheckpointError) return reasonOf(error);
  onBug(error);
  return `internal_error: ${String(error)}`.slice(0, 1_024);
}

function reasonOf(error: unknown): string {
  if (error instanceof MusterError) return `${error.code}: ${error.message}`.slice(0, 1_024);
  if (!(error instanceof CheckpointError)) throw error;
  const refused = isCheckpointError(error, "restore_refused") ? error.details.paths : [];
  const paths = refused.map(({ path, reason }) => `${path} (${reason})`).join(", ");
  return `${String(error.code)}: ${error.message}${paths === "" ? "" : `: ${paths}`}`.slice(0, 1_024);
}
