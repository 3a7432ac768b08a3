// Limits of the journal, each with its reason.

export interface JournalLimits {
  /** Payload bytes kept; beyond it payloads of activities are dropped, and diffs after them. Messages and endings stay. */
  readonly maxBytes: number;
  /** How long an acknowledged row is kept: long enough to be offered again to a hub restored from a day-old backup. */
  readonly keptMs: number;
  /** Rows deleted by one transaction, so that pruning never holds a turn up. */
  readonly pruneBatchRows: number;
  /** An acknowledgement is written with the next append, or alone after this. */
  readonly acknowledgeDelayMs: number;
  /** Rows of one transaction. */
  readonly commitMaxRows: number;
  /** Between tries while the disk is full or the file is locked. */
  readonly retryMs: number;
}

export const JOURNAL_LIMITS: JournalLimits = {
  maxBytes: 256 * 1024 * 1024,
  keptMs: 24 * 60 * 60 * 1_000,
  pruneBatchRows: 500,
  acknowledgeDelayMs: 1_000,
  commitMaxRows: 512,
  retryMs: 1_000,
};

/** Effects and turns that ended longer ago than this are forgotten: far beyond any time in which the hub repeats one. */
export const EFFECTS_KEPT_MS = 30 * 24 * 60 * 60 * 1_000;
/** Ended provider sessions are kept this long, so that their conversation can be taken up. */
export const SESSIONS_KEPT_MS = 90 * 24 * 60 * 60 * 1_000;
