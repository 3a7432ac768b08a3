// Checkpoints as runtime events: the workspace before a thread's first turn and after every turn, with what the turn
// changed. A checkpoint that fails is told and never fails the turn.
import { CheckpointRef, type RuntimeEvent, type ThreadId } from "@muster/contracts";
import { type CheckpointDiff, CheckpointError, type Checkpoints, isCheckpointError } from "../checkpoints/index.ts";
import type { RuntimeEventOf } from "./mapping.ts";

interface SnapshotInput {
  readonly checkpoints: Checkpoints;
  readonly workspaceRoot: string;
  readonly threadId: ThreadId;
  readonly turnCount: number;
  /** A checkpoint with that count is told and not taken again. */
  readonly keepsExisting?: boolean;
}

type Captured = RuntimeEventOf<"checkpoint.captured">;
const NO_DIFF: CheckpointDiff = { files: [], diff: "", truncated: false };

/** Takes the checkpoint of that turn count and compares it with the one before; 0 has nothing before it. */
export async function takeSnapshot(input: SnapshotInput): Promise<readonly RuntimeEvent[]> {
  const { checkpoints, workspaceRoot, threadId, turnCount } = input;
  try {
    const turns = (await checkpoints.list({ workspaceRoot, threadId })).filter(({ kind }) => kind === "turn");
    const known = input.keepsExisting ? turns.find((one) => one.turnCount === turnCount) : undefined;
    const { checkpointRef, skipped } = known ?? (await checkpoints.capture({ workspaceRoot, threadId, turnCount }));
    const before = turns.findLast((one) => (one.turnCount ?? 0) < turnCount)?.skipped ?? [];
    const isNews = JSON.stringify(before) !== JSON.stringify(skipped);
    const changes = turnCount === 0 ? NO_DIFF : await changesSince(input, checkpointRef);
    const event = captured(turnCount, checkpointRef, "ready", changes);
    return [isNews ? { ...event, skipped: [...skipped] } : event];
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const checkpointRef = CheckpointRef.parse(`refs/muster/checkpoints/${threadId}/turn/${turnCount}`);
    return [failure("The checkpoint could not be taken", error), captured(turnCount, checkpointRef, "error", NO_DIFF)];
  }
}

/** The moment before the prompt, from which the turn's own changes are told; without it the turn before counts. */
export async function takeStartSnapshot({ checkpoints, ...request }: SnapshotInput): Promise<readonly RuntimeEvent[]> {
  try {
    await checkpoints.captureStart(request);
    return [];
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return [failure("The checkpoint before the turn could not be taken", error)];
  }
}

const failure = (what: string, { code, message }: CheckpointError): RuntimeEvent => ({
  type: "runtime.error",
  code: `checkpoint_${code}`.slice(0, 64),
  message: `${what}: ${message}`.slice(0, 4_096),
});

const captured = (
  turnCount: number,
  checkpointRef: CheckpointRef,
  status: Captured["status"],
  { files, diff, truncated }: CheckpointDiff,
): Captured => ({
  type: "checkpoint.captured",
  turnCount,
  checkpointRef,
  status,
  files: [...files],
  diff,
  truncated,
});

/** The turn before may have left no checkpoint: then the newest one below counts, and without any there is no diff. */
async function changesSince(
  { checkpoints, workspaceRoot, threadId, turnCount }: SnapshotInput,
  toRef: CheckpointRef,
): Promise<CheckpointDiff> {
  const fromRef = CheckpointRef.parse(`refs/muster/checkpoints/${threadId}/turn/${turnCount - 1}`);
  try {
    return await checkpoints.diff({ workspaceRoot, fromRef, toRef });
  } catch (error) {
    if (!isCheckpointError(error, "checkpoint_missing")) throw error;
  }
  const earlier = (await checkpoints.list({ workspaceRoot, threadId }))
    .filter((entry) => entry.kind === "turn" && entry.turnCount !== undefined && entry.turnCount < turnCount)
    .sort((one, other) => (other.turnCount ?? 0) - (one.turnCount ?? 0))[0];
  return earlier === undefined ? NO_DIFF : checkpoints.diff({ workspaceRoot, fromRef: earlier.checkpointRef, toRef });
}
