// Limits of the hub's end of the uplink, each with its reason.
import { INGEST_WINDOW_BATCHES } from "@muster/contracts";

export interface UplinkLimits {
  /** Sockets that are not proven. */
  readonly greetingsMax: number;
  /** The same of one address; loopback has no such limit. A fleet behind one address comes back in a few rounds. */
  readonly greetingsPerAddressMax: number;
  /** Bytes that are read of a socket before it is proven. A hello has at most 32 KiB of capabilities and 1,000 turns of 200 bytes. */
  readonly helloMaxBytes: number;
  readonly connectionsMax: number;
  /** Ingest batches of one node that wait for the one before; a daemon that keeps to its window never gets here. */
  readonly ingestWaitingMax: number;
  /** Declarations of one node that wait to be written: each costs a commit, and a daemon makes one when its agents change. */
  readonly capabilitiesWaitingMax: number;
  /** Effect results of one node that wait to be recorded. */
  readonly resultsWaitingMax: number;
  /** Frames that fit no schema, before the connection is closed. */
  readonly invalidFramesMax: number;
  /** Questions to one node without an answer. */
  readonly requestsMax: number;
  /** Heartbeats of one node closer together than this are not written. */
  readonly heartbeatMinIntervalMs: number;
  /** Live text of one node in a second; what is beyond is dropped, the persisted text has it. */
  readonly deltasPerSecond: number;
  /** How long close() waits for sockets to end by themselves. */
  readonly closeWaitMs: number;
}

export const UPLINK_LIMITS: UplinkLimits = {
  greetingsMax: 512,
  greetingsPerAddressMax: 32,
  helloMaxBytes: 256 * 1024,
  connectionsMax: 20_000,
  ingestWaitingMax: INGEST_WINDOW_BATCHES * 4,
  capabilitiesWaitingMax: 8,
  resultsWaitingMax: 1_024,
  invalidFramesMax: 3,
  requestsMax: 64,
  heartbeatMinIntervalMs: 1_000,
  deltasPerSecond: 2_000,
  closeWaitMs: 2_000,
};

/** Of a node's refusal, what goes on to who asked. */
export const REFUSAL_MESSAGE_MAX_CHARACTERS = 1_024;
export const REFUSAL_DETAILS_MAX_CHARACTERS = 16 * 1_024;

/** Nodes whose place is read at once: few enough to leave the database to others when thousands are named together. */
export const RECHECKS_AT_ONCE_MAX = 16;

/** Policy violation, of RFC 6455: for frames that fit no schema. */
export const CLOSE_POLICY = 1008;
/** The hub failed; the daemon tries again. */
export const CLOSE_INTERNAL = 1011;
