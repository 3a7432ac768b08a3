// The door of checkpoints: snapshots of a workspace, their differences, and the way back.
// Nothing else of this folder is imported from outside.
export {
  type CapturedCheckpoint,
  Checkpoints,
  type CheckpointsOptions,
  type SafetyCheckpoint,
} from "./checkpoints.ts";
export type { CheckpointDiff } from "./diff.ts";
export {
  CheckpointError,
  type CheckpointErrorCode,
  type CheckpointErrorDetails,
  isCheckpointError,
} from "./errors.ts";
export { CHECKPOINT_LIMITS, type CheckpointLimits } from "./limits.ts";
export { type ListedCheckpoint, safetyRef } from "./refs.ts";
export type { RestoredPath, RestoreOutcome } from "./restore-plan.ts";
export type { SkippedPath, SkipReason } from "./snapshot.ts";
