// How the daemon's capability folders see each other: types alone. daemon.ts is the only place that puts them together.
import type {
  EffectBody,
  ErrorBody,
  FrameOf,
  IngestEntry,
  JournalId,
  LiveCall,
  LiveDelta,
  NodeCapabilities,
  NodeId,
  NodeRequest,
  SpaceId,
  ThreadId,
  TurnId,
} from "@muster/contracts";

export interface TurnRef {
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
}

/** What the uplink asks of the rest of the daemon. */
export interface UplinkHost {
  readonly nodeId: NodeId;
  readonly spaceId: SpaceId;
  readonly daemonVersion: string;
  /** Random, one per process. */
  readonly incarnation: string;
  /** Base64 of the Ed25519 signature over the UTF-8 text. */
  sign(text: string): string;
  capabilities(): NodeCapabilities;
  /** The journal as it is now: its id and the last number on disk. */
  journal(): { readonly journalId: JournalId; readonly lastSequence: number };
  runningTurns(): TurnRef[];
  connected(ack: FrameOf<"hello_ack">): void;
  disconnected(): void;
  /** The uplink gave up for good; a person must act. */
  stopped(error: ErrorBody): void;
  /** Durable when it resolves; a MusterError becomes the result's error. */
  runEffect(effectId: string, fence: number, effect: EffectBody, traceparent?: string): Promise<void>;
  /** Answers a question; a MusterError becomes the response's error. */
  answer(request: NodeRequest, signal: AbortSignal): Promise<unknown>;
  ingestAcknowledged(ack: FrameOf<"ingest.ack">): void;
  /** Bulk that was refused is taken again. */
  bulkDrained(): void;
}

export interface Uplink {
  readonly isConnected: boolean;
  /** False when there is no connection or bulk is held back; `connected` or `bulkDrained` says when to try again. */
  sendIngest(batch: { journalId: JournalId; firstSequence: number; entries: IngestEntry[] }): boolean;
  /** Live text; dropped when there is no connection or bulk is held back. */
  sendDelta(delta: LiveDelta): void;
  /** A call that has begun and is not recorded yet; dropped like live text. */
  sendCall(call: LiveCall): void;
  /** Tells the hub new capabilities, now or with the next hello. */
  capabilitiesChanged(): void;
  /** Gives the connection up and says hello anew. */
  reconnect(): void;
  /** Ends the connection and all timers; may be called twice. */
  close(): Promise<void>;
}
