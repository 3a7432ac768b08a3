// What a run leaves beside the databases: what clients were answered, what followers heard, what the agents did.
import type { ClientCommandInput, ThreadId } from "@muster/contracts";

/** The last word of the hub on one command; `unknown` where the run ended before there was one. */
export type Outcome =
  | { readonly status: "accepted"; readonly generation: string; readonly sequence: number }
  | { readonly status: "refused"; readonly code: string }
  | { readonly status: "unknown" };

export interface CommandRecord {
  readonly command: ClientCommandInput;
  outcome: Outcome;
  /** Tries until the outcome was known. */
  tries: number;
}

/** Events that one reader got without being told to take a snapshot in between. */
export interface Stretch {
  /** The sequence that it asked to go on from. */
  readonly after: number;
  readonly events: { readonly sequence: number; readonly eventId: string }[];
}

export interface FollowerRecord {
  readonly name: string;
  /** Only this thread's events; null: everything. */
  readonly threadId: ThreadId | null;
  readonly stretches: Stretch[];
}

/** A line of the sample agent's ledger. */
export interface LedgerRecord {
  readonly pid: number;
  readonly request: string;
  readonly kind: "begin" | "said" | "decided" | "end";
  readonly text?: string;
  readonly toolCallId?: string;
  readonly outcome?: string;
  readonly stopReason?: string;
}

/** First line of a prompt, by which the agent's ledger and the log are brought together. */
export const requestOf = (turnId: string): string => `turn ${turnId}`;
export const turnOfRequest = (request: string): string | null => /^turn (\S+)$/.exec(request)?.[1] ?? null;
