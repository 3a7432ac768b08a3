// The projections from outside: how far each projector has followed the log, and the rebuild of rows beside the live
// ones while the hub serves.
import { z } from "zod";

/** Names are stored as cursors and never change. */
export const PROJECTOR_NAMES = [
  "projects",
  "threads",
  "thread_messages",
  "thread_activities",
  "thread_sessions",
  "thread_turns",
  "checkpoints",
  "pending_approvals",
] as const;
export const ProjectorName = z.enum(PROJECTOR_NAMES);
export type ProjectorName = z.infer<typeof ProjectorName>;

/** Events that no projector could read, by the type and version they are stored with. */
export const SkippedKind = z.object({ eventType: z.string(), schemaVersion: z.string(), count: z.int().min(1) });
export type SkippedKind = z.infer<typeof SkippedKind>;

export const Rebuild = z.object({
  rebuildNumber: z.int().min(1),
  projectors: z.array(ProjectorName),
  state: z.enum(["running", "finished", "failed"]),
  /** Events up to here are in the new rows. */
  appliedSequence: z.int().min(0),
  /** Where the log ended when it was last looked at. */
  headSequence: z.int().min(0),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  /** The code of why it failed. */
  error: z.string().nullable(),
  /** Kept as they are and passed; `kinds` may leave the rarest out. */
  skipped: z.object({ count: z.int().min(0), kinds: z.array(SkippedKind) }),
  /** What the swap changed; null before it. Both are 0 where the rows were right already. */
  rows: z.object({ removed: z.int().min(0), written: z.int().min(0) }).nullable(),
});
export type Rebuild = z.infer<typeof Rebuild>;

export const Projections = z.object({
  generation: z.string(),
  headSequence: z.int().min(0),
  projectors: z.array(z.object({ name: z.string(), lastAppliedSequence: z.int().min(0), updatedAt: z.string() })),
  /** Events that this process could not read since it started. */
  skipped: z.object({ count: z.int().min(0), kinds: z.array(SkippedKind) }),
  /** The newest, running or over; null when there was none. */
  rebuild: Rebuild.nullable(),
});
export type Projections = z.infer<typeof Projections>;
