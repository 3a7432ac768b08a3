// Limits of the runner, each with its reason.

export interface RunnerLimits {
  /** Live text is sent at most this often per message: below what an eye can tell. */
  readonly liveIntervalMs: number;
  /** Text goes to the journal at most this often per message, or when so much of it waits. */
  readonly persistIntervalMs: number;
  readonly persistCharacters: number;
  /** Updates of one tool call, and of the usage, go to the journal at most this often. The last one always does. */
  readonly updateIntervalMs: number;
  /** What goes on for long is told less and less often, at least this often: each update is kept for ever. */
  readonly updateIntervalMaxMs: number;
  /** A call of a tool that is over by then is recorded once, at its end; until then it is shown live. */
  readonly callHeldMs: number;
  /** Agents' processes that run at once; an idle one is ended for a new one, else the turn waits. */
  readonly providerProcessesMax: number;
  /** An agent's process that no turn used for so long is ended; its conversation is taken up again where it can be. */
  readonly sessionIdleMs: number;
  /** A turn of which nothing was heard for so long is told as stalled. It is not ended: silence alone settles nothing. */
  readonly turnSilentMs: number;
}

export const RUNNER_LIMITS: RunnerLimits = {
  liveIntervalMs: 30,
  persistIntervalMs: 1_000,
  persistCharacters: 8 * 1024,
  updateIntervalMs: 2_000,
  updateIntervalMaxMs: 10_000,
  callHeldMs: 2_000,
  providerProcessesMax: 16,
  sessionIdleMs: 30 * 60 * 1_000,
  turnSilentMs: 10 * 60 * 1_000,
};

/**
 * Between SIGTERM and SIGKILL when the daemon ends, or ends what a killed one left: less than in an interrupt, because
 * nobody hears these agents any more, and a person waits for the stop or the start.
 */
export const LEAVING_TERMINATE_WAIT_MS = 1_500;

/** What the contract lets one command carry. */
export const DIFF_FILES_MAX = 1_000;
export const REVERTED_FILES_MAX = 10_000;
export const SUMMARY_MAX_CHARACTERS = 1_024;
/** Left-out paths that an activity names in its line, and that it carries. */
export const SKIPPED_NAMED_MAX = 5;
export const SKIPPED_TOLD_MAX = 200;
/** Output that an update of a tool call carries, its newest part; the call's end has as much as is kept at all. */
export const UPDATE_OUTPUT_MAX_CHARACTERS = 1_024;
/** Calls of one turn whose beginning waits to be recorded; with more, all of them are. */
export const HELD_CALLS_MAX = 32;
/** Paths that a call shows live; what is recorded has all. */
export const LIVE_LOCATIONS_MAX = 4;
export const DETAIL_MAX_CHARACTERS = 8_192;
export const REASON_MAX_CHARACTERS = 64;
