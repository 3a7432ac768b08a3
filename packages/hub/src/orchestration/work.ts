// What waits for a batch: a client's command, the hub's own command, or a node's journal entries. Each is answered
// once, after the commit that holds its outcome.
import type {
  ClientCommand,
  CommandId,
  DispatchResult,
  ErrorBody,
  InternalCommand,
  JournalId,
  ReceivedEntry,
  SpaceId,
} from "@muster/contracts";
import type { Actor } from "@muster/core";
import type { Query } from "@muster/store";
import type { Caller, NodeIdentity } from "../ports.ts";

/** Commands of one batch. */
export const BATCH_COMMANDS_MAX = 256;
/** Bytes of commands of one batch, as JSON. */
export const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** Commands that may wait; one more is refused `queue_full`. */
export const QUEUED_WORK_MAX = 10_000;
/** How often one piece of work is decided again when others changed what it rests on. */
export const ATTEMPTS_MAX = 5;

interface Waiting<Answer> {
  readonly spaceId: SpaceId;
  readonly sizeBytes: number;
  attempts: number;
  /** Runs in a batch of its own, because a batch it was in failed. */
  isAlone: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export interface ClientWork extends Waiting<DispatchResult> {
  readonly kind: "client";
  readonly caller: Caller;
  readonly actor: Actor;
  readonly command: ClientCommand;
  readonly fingerprint: string;
}

/** A command of the hub itself: no receipt, nobody repeats it. */
export interface HubWork extends Waiting<void> {
  readonly kind: "hub";
  readonly actor: Actor;
  readonly command: InternalCommand;
  /** Refused `concurrency_conflict` where the query gives no row at the commit. */
  readonly condition?: Query;
  readonly correlationId: CommandId | null;
}

export interface IngestAnswer {
  readonly lastSequence: number;
  readonly error?: ErrorBody;
}

export interface IngestWork extends Waiting<IngestAnswer> {
  readonly kind: "ingest";
  readonly node: NodeIdentity;
  readonly actor: Actor;
  readonly journalId: JournalId;
  readonly firstSequence: number;
  readonly entries: readonly ReceivedEntry[];
}

export type Work = ClientWork | HubWork | IngestWork;

/** Commands that look at rows which others in the same batch may be about to change: they open a batch of their own. */
const BATCH_OPENING: ReadonlySet<string> = new Set([
  "project.delete",
  "thread.checkpoint.revert",
  "thread.turn.interrupt",
  "thread.revert.complete",
]);
export const opensBatch = (type: string): boolean => BATCH_OPENING.has(type);
