// The port to a coding agent: start it, give it turns, answer its questions, stop it. Nothing here knows a protocol.
// Invariants: every prompt ends with exactly one `turn.completed`, whatever the agent does; events of a session are
// handed over one at a time in the order they happened; nothing the agent sends grows our memory without a limit.
import {
  type ApprovalDecision,
  type ApprovalRequestId,
  type ErrorCode,
  MusterError,
  type RuntimeEvent,
  type RuntimeMode,
} from "@muster/contracts";
import type { Environment, ProcessGroupRecord, Timers } from "../processes/index.ts";
import type { ProviderLimits } from "./limits.ts";

export type ProviderErrorCode = Extract<
  ErrorCode,
  | "agent_not_found"
  | "agent_handshake_failed"
  | "agent_login_required"
  | "agent_protocol_error"
  | "agent_died"
  | "workspace_unavailable"
>;

/** A failure of an agent as a person should read it: what happened, why, what to do. */
export class ProviderError extends MusterError {
  declare readonly code: ProviderErrorCode;
  /** The end of the agent's standard error, at most 4 KiB; empty when it said nothing. */
  readonly stderrTail: string;

  constructor(code: ProviderErrorCode, message: string, options: { stderrTail?: string; cause?: unknown } = {}) {
    const stderrTail = options.stderrTail ?? "";
    super(
      code,
      message,
      stderrTail === "" ? undefined : { stderrTail },
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.stderrTail = stderrTail;
  }
}

/** How to start an agent. `name` is what threads and the roster call it. */
export interface ProviderConfiguration {
  readonly name: string;
  /** Shown to people; the name when absent. */
  readonly title?: string;
  /** Looked up on PATH unless it has a slash. */
  readonly command: string;
  readonly args?: readonly string[];
  /** Set in the agent's environment, over what is passed from ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** More of our variables the agent may see; a trailing `*` makes a prefix. */
  readonly passEnvironment?: readonly string[];
  /** What a person does when the command is missing, and when the agent wants a login. */
  readonly installHint?: string;
  readonly loginHint?: string;
}

export interface ToolServer {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface AgentExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** At most 4 KiB. */
  readonly stderrTail: string;
}

export interface StartOptions {
  /** Folder the agent works in; exists, and is inside `workspaceRoot`. */
  readonly cwd: string;
  /** Files and terminals are served inside this folder only. */
  readonly workspaceRoot: string;
  readonly runtimeMode: RuntimeMode;
  /** Take up an earlier conversation if the agent can; `loaded` says whether it did. */
  readonly resume?: { readonly providerThreadId: string };
  /** Our environment; the agent gets the listed part of it. */
  readonly environment: Environment;
  /** Tool servers (MCP over stdio) that the agent is told to start. */
  readonly toolServers?: readonly ToolServer[];
  /**
   * Called for every event in order. While a returned promise is pending nothing more is read from the agent, which
   * then blocks on its pipe: that is the backpressure. It must not wait for the end of the turn.
   */
  onEvent(event: RuntimeEvent): void | Promise<void>;
  /** Called once, when the agent's process has ended for whatever reason. */
  onExit(exit: AgentExit): void;
  /** Called whenever a process group of the session appears or is gone: the set to end if the daemon is killed. */
  onProcessGroups?(groups: readonly ProcessGroupRecord[]): void;
  readonly ids: { mint(): string };
  readonly timers: Timers;
  readonly limits?: Partial<ProviderLimits>;
  /** Gives up a start that has not finished: the agent is ended and `start` rejects with `agent_handshake_failed`. */
  readonly signal?: AbortSignal;
}

export interface PromptAttachment {
  readonly name: string;
  readonly mediaType: string;
  readonly text: string;
}

export interface Prompt {
  readonly text: string;
  readonly attachments?: readonly PromptAttachment[];
  /** Put before the text: a conversation kept by a revert, messages that arrived. */
  readonly preamble?: string;
  /** W3C trace context, passed on where the protocol has a place for it. */
  readonly traceparent?: string;
}

/** Null: whatever the agent uses when nobody chooses. */
export interface TurnChoices {
  readonly model: string | null;
  readonly effort: string | null;
}

/** A choice that the agent could not be told, or did not take. */
export interface UnmetChoice {
  readonly kind: "model" | "effort";
  readonly wanted: string;
  /** For people, as the end of a sentence. */
  readonly why: string;
}

export type TurnOutcome = Omit<Extract<RuntimeEvent, { type: "turn.completed" }>, "type">;

/** What was seen and dropped; for diagnosis. */
export interface SessionCounters {
  /** Lines of standard output that were no message of the protocol. */
  readonly malformedLines: number;
  /** Updates outside a turn, of another session, or of a kind nobody knows. */
  readonly droppedUpdates: number;
}

export interface ProviderSession extends ProcessGroupRecord {
  readonly providerThreadId: string;
  readonly agentName: string | undefined;
  readonly agentVersion: string | undefined;
  /** The conversation can be taken up again by a later `start` with `resume`. */
  readonly canLoad: boolean;
  /** This session took up the conversation it was asked to resume. */
  readonly loaded: boolean;
  /** Says which model and effort the next turns use; resolves with what the agent has no place for. Never rejects. */
  choose(choices: TurnChoices): Promise<readonly UnmetChoice[]>;
  /**
   * Runs one turn and resolves when it has ended; never rejects for anything the agent does. Events begin with
   * `turn.started` and end with `turn.completed`. One turn at a time: a second call while one runs is a bug and throws.
   */
  prompt(prompt: Prompt): Promise<TurnOutcome>;
  /**
   * Ends the running turn: asks, after 10 s ends the process group by SIGTERM, after 5 s more by SIGKILL. Resolves when
   * the turn has settled, always `interrupted`. Without a running turn it does nothing. Calling it twice is one interrupt.
   */
  interrupt(): Promise<void>;
  /** False when no such request is pending: answered before, or its turn is over. */
  answer(requestId: ApprovalRequestId, decision: ApprovalDecision): boolean;
  /** Changes who answers from now on; questions already pending stay with the person. */
  setRuntimeMode(mode: RuntimeMode): void;
  counters(): SessionCounters;
  /**
   * Ends the agent and all it started; resolves when the groups are empty. A running turn settles `interrupted`.
   * @param options.terminateWaitMs between SIGTERM and SIGKILL, where it should not take the usual time.
   */
  stop(options?: { readonly terminateWaitMs?: number }): Promise<void>;
}

export interface Provider {
  readonly name: string;
  readonly title: string;
  /** Rejects with a ProviderError; then nothing of the agent is left running. */
  start(options: StartOptions): Promise<ProviderSession>;
}
