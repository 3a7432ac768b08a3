// Retention: what pruning takes away, how old it must be, and what it reports. Ages are days, so that nobody prunes by a
// slip of a unit what an hour ago was still being read.
import { z } from "zod";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** How long an archived thread keeps its details where nothing else is said. */
export const ARCHIVED_KEPT_DAYS_DEFAULT = 30;
/** Below a day a thread archived by mistake would lose its details before anyone notices. */
export const ARCHIVED_KEPT_DAYS_MIN = 1;
/** A century; beyond it the setting is a mistake. */
export const ARCHIVED_KEPT_DAYS_MAX = 36_500;
/** How long the event log of a deleted thread keeps its content. */
export const DELETED_KEPT_DAYS = 30;
/**
 * Receipts are kept at least so long, whatever age is asked for. Longer than anybody repeats a command: a client gives up
 * after minutes, a daemon offers its journal again for a day, and remembers effects for 30 days.
 */
export const RECEIPTS_KEPT_MIN_DAYS = 31;

/**
 * How long the row of an effect that has ended is kept, for whoever asks what a machine was asked to do and how often.
 * Nothing rests on it: an answer that comes later changes nothing either way.
 */
export const EFFECTS_KEPT_DAYS = 7;
/**
 * How long the end of an agent, or the putting aside of checkpoints, waits for a machine that stays away; a turn and a
 * revert have ends of their own. Below the age of receipts, which a machine that never comes back would keep for ever.
 */
export const EFFECTS_WAIT_MAX_DAYS = 30;

export const daysToMs = (days: number): number => days * DAY_MS;

export const ArchivedKeptDays = z.int().min(ARCHIVED_KEPT_DAYS_MIN).max(ARCHIVED_KEPT_DAYS_MAX);

export const PruneInput = z.strictObject({
  /** Age of details of archived threads; the hub's own setting when absent. */
  olderThanDays: ArchivedKeptDays.optional(),
  /** Counts and changes nothing. */
  dryRun: z.boolean().default(false),
  /** Where the last answer left off. */
  after: z.string().max(512).optional(),
});
export type PruneInput = z.infer<typeof PruneInput>;

/** What one call did, or would do. A run is as many calls as it takes; numbers add up. */
export const PruneReport = z.object({
  dryRun: z.boolean(),
  /** The age that was used. null: archived threads keep their details; only deleted ones were looked at. */
  olderThanDays: z.int().nullable(),
  /** Threads that lost something and are finished. */
  threads: z.int().min(0),
  /** Payloads of events that became shorter or stubs. */
  events: z.int().min(0),
  diffs: z.int().min(0),
  receipts: z.int().min(0),
  /** Rows of the effect outbox, of threads of any age. */
  effects: z.int().min(0),
  /** Bytes of the values that were taken out of rows, less what stands in their place. */
  bytesFreed: z.int(),
  /** Give it as `after` to go on; null when everything has been looked at. */
  next: z.string().nullable(),
  /** The database as it stands: files do not shrink, but what is free in them is used again. */
  store: z.object({ sizeBytes: z.int().min(0), reusableBytes: z.int().min(0).nullable() }),
});
export type PruneReport = z.infer<typeof PruneReport>;
