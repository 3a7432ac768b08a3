// Every limit of checkpoints, by name. A test may lower one through `Checkpoints`' options;
// nothing else may pass a number of its own.

export interface CheckpointLimits {
  /** One git process may run this long. */
  readonly gitCallMs: number;
  /** Files a capture looks at: untracked ones in a git repository, all of them in a shadow repository. */
  readonly maxFiles: number;
  /** A larger file is left out and reported, where its content is not git's already. */
  readonly maxFileBytes: number;
  /** New content of one capture. */
  readonly maxCaptureBytes: number;
  /** Files that a capture may leave out; the list is part of the checkpoint. */
  readonly maxSkipped: number;
  /** Unified diff text of one `diff`. */
  readonly maxDiffBytes: number;
  /** Files that one `diff` lists. */
  readonly maxDiffFiles: number;
  /** Output of one git process that lists paths. */
  readonly maxListingBytes: number;
}

export const CHECKPOINT_LIMITS: CheckpointLimits = {
  gitCallMs: 60_000,
  maxFiles: 100_000,
  maxFileBytes: 50 * 1024 * 1024,
  maxCaptureBytes: 4 * 1024 * 1024 * 1024,
  maxSkipped: 10_000,
  maxDiffBytes: 2 * 1024 * 1024,
  maxDiffFiles: 10_000,
  maxListingBytes: 256 * 1024 * 1024,
};

/** What of a failed git's standard error is kept. */
export const STDERR_TAIL_BYTES = 4 * 1024;
/** What of its first complaint stands in the failure's message. */
export const COMPLAINT_MAX_CHARACTERS = 300;
/** git removes its lock files on SIGTERM; one that doesn't end in this time is killed. */
export const GIT_KILL_GRACE_MS = 2_000;
/** A workspace that changes under the capture makes git fail; it is read again this often in all. */
export const CAPTURE_ATTEMPTS = 3;
/** File system calls in flight at once. */
export const FILE_CALLS_IN_FLIGHT = 32;
/** A diff's text as JSON: a frame of the uplink carries 8 Mi characters, the list of files among them. */
export const DIFF_JSON_MAX_CHARACTERS = 4 * 1024 * 1024;
