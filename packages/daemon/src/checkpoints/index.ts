// The door of checkpoints: snapshots of a workspace, their differences, and the way back; and git as it may be run in
// somebody's repository. Nothing else of this folder is imported from outside.

export { joinNul, splitNul } from "./byte-path.ts";
export {
  type CapturedCheckpoint,
  Checkpoints,
  type CheckpointsOptions,
  type SafetyCheckpoint,
} from "./checkpoints.ts";
export { mapLimited } from "./concurrency.ts";
export type { CheckpointDiff } from "./diff.ts";
export {
  CheckpointError,
  type CheckpointErrorCode,
  type CheckpointErrorDetails,
  isCheckpointError,
} from "./errors.ts";
export { type Environment, type GitResult, runGit } from "./git.ts";
export { CHECKPOINT_LIMITS, type CheckpointLimits } from "./limits.ts";
export { type ListedCheckpoint, safetyRef } from "./refs.ts";
export type { RestoredPath, RestoreOutcome } from "./restore-plan.ts";
export type { SkippedPath, SkipReason } from "./snapshot.ts";
