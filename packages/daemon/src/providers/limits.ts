// Every limit of a provider session, named and argued once. Tests pass smaller ones.

export interface ProviderLimits {
  /** For each step of the handshake. Agents in Node take 1 to 3 s; more than this means it waits for something. */
  readonly handshakeTimeoutMs: number;
  /** Taking up a conversation replays it, which for a long one takes its time. */
  readonly loadTimeoutMs: number;
  /** From the request to cancel until the process group gets SIGTERM. */
  readonly cancelWaitMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly terminateWaitMs: number;
  /** From SIGKILL until we give up on a group. */
  readonly killWaitMs: number;
  /** Longest line of the agent's standard output; a longer one is skipped as malformed. */
  readonly lineMaxBytes: number;
  /** Least time between two updates of the same tool call, plan or thought. The last one is always sent. */
  readonly updateIntervalMs: number;
  /** Longest text of one `message.delta`; a longer piece is sent as several. */
  readonly deltaMaxCharacters: number;
  /** Assistant text of one turn; the rest is dropped, with one `runtime.error`. */
  readonly turnTextMaxCharacters: number;
  /** Tool calls of one turn; further ones are dropped, with one `runtime.error`. */
  readonly turnToolsMax: number;
  /** Messages of one turn; what is said further goes into the last of them. */
  readonly turnMessagesMax: number;
  /** Errors that the agent tells of in one turn; further ones are dropped, with one `runtime.error`. */
  readonly turnNoticesMax: number;
  /** Questions open at once; the agent gets `cancelled` for further ones. */
  readonly approvalsMax: number;
  /** Largest file served to or written for the agent. */
  readonly fileMaxBytes: number;
  readonly terminalsMax: number;
  /** Most output kept for one terminal, whatever the agent asks for. */
  readonly terminalOutputMaxBytes: number;
}

export const PROVIDER_LIMITS: ProviderLimits = {
  handshakeTimeoutMs: 15_000,
  loadTimeoutMs: 60_000,
  cancelWaitMs: 10_000,
  terminateWaitMs: 5_000,
  killWaitMs: 5_000,
  lineMaxBytes: 8 * 1024 * 1024,
  updateIntervalMs: 200,
  deltaMaxCharacters: 16_384,
  turnTextMaxCharacters: 4 * 1024 * 1024,
  turnToolsMax: 1_000,
  turnMessagesMax: 1_000,
  turnNoticesMax: 100,
  approvalsMax: 64,
  fileMaxBytes: 4 * 1024 * 1024,
  terminalsMax: 32,
  terminalOutputMaxBytes: 1024 * 1024,
};

/** What the contract lets one tool call carry. */
export const TOOL_TEXT_MAX_CHARACTERS = 16_384;
export const TOOL_TITLE_MAX_CHARACTERS = 512;
export const TOOL_LOCATIONS_MAX = 64;
export const TOOL_EDITS_MAX = 32;
export const PATH_MAX_CHARACTERS = 4_096;
export const PLAN_ENTRIES_MAX = 200;
export const PLAN_ENTRY_MAX_CHARACTERS = 2_000;
export const DETAIL_MAX_CHARACTERS = 4_096;
export const REASON_MAX_CHARACTERS = 64;
