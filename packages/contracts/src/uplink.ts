// Frames of the uplink between a daemon and the hub: one WebSocket, JSON text frames, each parsed by schema.
// A frame is at most 1 MiB; what would exceed CHUNK_THRESHOLD_BYTES goes in numbered chunks with a digest.
import { z } from "zod";
import { Attachment, InternalCommand, Traceparent } from "./commands.ts";
import { ErrorBody } from "./errors.ts";
import {
  ApprovalRequestId,
  CheckpointRef,
  CommandId,
  EffectId,
  JournalId,
  MessageId,
  NodeId,
  ProjectId,
  SpaceId,
  ThreadId,
  TurnId,
} from "./ids.ts";
import { FILE_TREE_DEPTH_MAX, WorkspacePath } from "./node-files.ts";
import { LiveCall, LiveDelta, NodeCapabilities } from "./reads.ts";
import { ApprovalDecision, RuntimeMode } from "./runtime.ts";
import { namingText, spokenText, storableText } from "./text.ts";

export const UPLINK_PATH = "/uplink/v1";
export const UPLINK_PROTOCOL_VERSION = 1;
export const FRAME_MAX_BYTES = 1024 * 1024;
export const CHUNK_THRESHOLD_BYTES = 768 * 1024;
/** UTF-16 code units of one chunk: at three bytes each still below a frame. */
export const CHUNK_CHARACTERS = 256 * 1024;
/** Largest frame that may travel in chunks, in UTF-16 code units of its JSON. */
export const CHUNKED_MAX_CHARACTERS = 8 * 1024 * 1024;
/** From the opened socket to hello_ack, on either side. */
export const HELLO_TIMEOUT_MS = 5_000;
/** A side that received nothing for so long sends a `ping` frame; any frame counts as a sign of life. */
export const PING_INTERVAL_MS = 15_000;
/** A side that received nothing for so long gives the connection up. */
export const SILENCE_LIMIT_MS = 45_000;
export const HEARTBEAT_INTERVAL_MS = 15_000;
export const INGEST_BATCH_MAX_ENTRIES = 256;
/** Running turns that a hello names. */
export const HELLO_TURNS_MAX = 1_000;
/** Batches a node may have on the way without an acknowledgement. */
export const INGEST_WINDOW_BATCHES = 4;

/** Close codes of the uplink, and what the daemon does on each. */
export const CLOSE_CODES = {
  unauthorized: 4001,
  replaced: 4003,
  alreadyConnected: 4004,
  draining: 4005,
  featureUnavailable: 4010,
  featureParameterInvalid: 4011,
  featureParameterBelowFloor: 4012,
  protocolUnsupported: 4013,
  tooMany: 4029,
} as const;

export const Feature = z.object({ version: z.int().min(1), parameters: z.record(z.string(), z.unknown()).default({}) });
export const Features = z.record(z.string().max(64), Feature);

/** Bytes the daemon signs to prove its key: this prefix, then the fields, NUL-separated, in this order. */
export const helloSigningInput = (fields: {
  spaceId: string;
  nodeId: string;
  incarnation: string;
  nonce: string;
}): string => ["muster-uplink-hello-1", fields.spaceId, fields.nodeId, fields.incarnation, fields.nonce].join("\0");

export const IngestEntry = z.object({
  sequence: z.int().min(1),
  command: InternalCommand,
  correlationId: CommandId.nullable(),
  /** When it happened, by the daemon's clock; kept in metadata, never trusted. */
  createdAt: spokenText,
});
export type IngestEntry = z.infer<typeof IngestEntry>;

/** What an unreadable entry seems to be about; null where that cannot be read either. */
const About = z.object({
  type: z.string().max(64).overwrite(storableText).nullable().catch(null),
  threadId: ThreadId.nullable().catch(null),
  turnId: TurnId.nullable().catch(null),
});

/** An entry that this side cannot read, from a newer or a faulty node: passed over, so that it holds nothing back. */
export const UnreadableEntry = z
  .object({ sequence: z.int().min(1), command: z.unknown().optional() })
  .transform(({ sequence, command }) => ({
    sequence,
    command: null,
    about: About.catch({ type: null, threadId: null, turnId: null }).parse(command),
  }));
export type UnreadableEntry = z.infer<typeof UnreadableEntry>;
/** An entry as it arrives. */
export type ReceivedEntry = IngestEntry | UnreadableEntry;

/** What the hub asks a node to do; answered with `effect.result` once it is durably taken over. */
export const EffectBody = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("node.turn.start"),
    threadId: ThreadId,
    turnId: TurnId,
    turnCount: z.int().min(1),
    projectId: ProjectId,
    workspaceRoot: z.string(),
    worktreePath: z.string().nullable(),
    provider: z.string(),
    model: z.string().nullable(),
    effort: z.string().nullable(),
    runtimeMode: RuntimeMode,
    messageId: MessageId,
    text: z.string(),
    attachments: z.array(Attachment),
    correlationId: CommandId.nullable(),
    /** Resume cursor the hub knows of, and the conversation kept by a revert for an agent that cannot load. */
    preamble: z.string().nullable(),
  }),
  z.object({
    kind: z.literal("node.turn.interrupt"),
    threadId: ThreadId,
    turnId: TurnId,
    correlationId: CommandId.nullable(),
  }),
  z.object({
    kind: z.literal("node.approval.respond"),
    threadId: ThreadId,
    turnId: TurnId,
    requestId: ApprovalRequestId,
    decision: ApprovalDecision,
    correlationId: CommandId.nullable(),
  }),
  z.object({ kind: z.literal("node.session.stop"), threadId: ThreadId, correlationId: CommandId.nullable() }),
  z.object({
    kind: z.literal("node.checkpoint.revert"),
    threadId: ThreadId,
    workspaceRoot: z.string(),
    worktreePath: z.string().nullable(),
    turnCount: z.int().min(0),
    checkpointRef: CheckpointRef,
    mode: z.enum(["both", "files", "conversation"]),
    /** Names the safety checkpoint. */
    eventId: z.string(),
    correlationId: CommandId.nullable(),
  }),
  /** The revert of that event is in the log: what it dropped may be put aside on the machine too. */
  z.object({
    kind: z.literal("node.checkpoint.drop"),
    threadId: ThreadId,
    workspaceRoot: z.string(),
    worktreePath: z.string().nullable(),
    turnCount: z.int().min(0),
    eventId: z.string(),
    correlationId: CommandId.nullable(),
  }),
]);
export type EffectBody = z.infer<typeof EffectBody>;
export type EffectKind = EffectBody["kind"];

/** Questions the hub asks a node and waits for. */
export const NodeRequest = z.discriminatedUnion("method", [
  z.object({
    method: z.literal("turn.diff"),
    threadId: ThreadId,
    workspaceRoot: z.string(),
    worktreePath: z.string().nullable(),
    fromRef: CheckpointRef,
    toRef: CheckpointRef,
  }),
  /** Whether a folder can be a project's workspace; answers its real path. */
  z.object({ method: z.literal("workspace.check"), path: z.string() }),
  /** Only of nodes that announce `files`; answers a FileTree. */
  z.object({
    method: z.literal("files.tree"),
    workspaceRoot: z.string(),
    path: WorkspacePath,
    depth: z.int().min(1).max(FILE_TREE_DEPTH_MAX),
    ignored: z.boolean(),
  }),
  /** Only of nodes that announce `files`; answers a FileContent. */
  z.object({
    method: z.literal("files.read"),
    workspaceRoot: z.string(),
    path: WorkspacePath.min(1),
    ignored: z.boolean(),
  }),
]);
export type NodeRequest = z.infer<typeof NodeRequest>;

const traceparent = Traceparent.optional();

export const Frame = z.discriminatedUnion("type", [
  z.object({ type: z.literal("challenge"), nonce: z.string().min(32).max(128), protocolVersions: z.array(z.int()) }),
  z.object({
    type: z.literal("hello"),
    protocolVersions: z.array(z.int()).min(1).max(16),
    daemonVersion: spokenText.max(64),
    nodeId: NodeId,
    incarnation: namingText.min(16).max(64),
    spaceId: SpaceId,
    features: Features,
    signature: z.string().max(256),
    capabilities: NodeCapabilities,
    journalId: JournalId,
    /** Last sequence written to the journal; the hub answers with what it has. */
    journalSequence: z.int().min(0),
    /** All of them, unless there are more than fit: then as many as fit. */
    runningTurns: z.array(z.object({ threadId: ThreadId, turnId: TurnId })).max(HELLO_TURNS_MAX),
  }),
  z.object({
    type: z.literal("hello_ack"),
    replicaId: z.string(),
    connectionId: z.string(),
    epoch: z.int().min(1),
    generation: z.string(),
    features: Features,
    limits: z.object({ frameMaxBytes: z.int(), ingestBatchMaxEntries: z.int() }),
    clock: z.string(),
    ingestCursor: z.int().min(0),
    /** Turns of the hello that the hub no longer counts as running: the daemon ends them. */
    stopTurns: z.array(z.object({ threadId: ThreadId, turnId: TurnId })),
  }),
  z.object({ type: z.literal("heartbeat"), epoch: z.int().min(1), healthState: z.enum(["online", "degraded"]) }),
  z.object({ type: z.literal("capabilities"), epoch: z.int().min(1), capabilities: NodeCapabilities }),
  z.object({
    type: z.literal("ingest.batch"),
    journalId: JournalId,
    firstSequence: z.int().min(1),
    entries: z
      .array(z.union([IngestEntry, UnreadableEntry]))
      .min(1)
      .max(INGEST_BATCH_MAX_ENTRIES),
    traceparent,
  }),
  z.object({
    type: z.literal("ingest.ack"),
    journalId: JournalId,
    /** Everything up to here is durable. */
    lastSequence: z.int().min(0),
    /** Set when the batch was not taken: `ingest_gap` says from where to send again. */
    error: ErrorBody.optional(),
  }),
  z.object({
    type: z.literal("effect.run"),
    effectId: EffectId,
    fence: z.int().min(1),
    effect: EffectBody,
    traceparent,
  }),
  z.object({
    type: z.literal("effect.result"),
    effectId: EffectId,
    fence: z.int().min(1),
    epoch: z.int().min(1),
    error: ErrorBody.optional(),
  }),
  z.object({ type: z.literal("request"), requestId: z.string().max(64), request: NodeRequest, traceparent }),
  z.object({
    type: z.literal("response"),
    requestId: z.string().max(64),
    result: z.unknown().optional(),
    error: ErrorBody.optional(),
  }),
  z.object({ type: z.literal("cancel"), requestId: z.string().max(64) }),
  z.object({ type: z.literal("delta"), delta: LiveDelta }),
  z.object({ type: z.literal("call"), call: LiveCall }),
  z.object({ type: z.literal("error"), error: ErrorBody }),
  z.object({ type: z.literal("ping"), nonce: z.string().max(64) }),
  z.object({ type: z.literal("pong"), nonce: z.string().max(64) }),
  z.object({
    type: z.literal("chunk"),
    chunkId: z.string().max(64),
    index: z.int().min(0).max(63),
    count: z.int().min(1).max(64),
    /** SHA-256 in hex of the whole text. */
    digest: z.string().length(64),
    data: z.string().max(CHUNK_CHARACTERS),
  }),
]);
export type Frame = z.infer<typeof Frame>;
export type FrameType = Frame["type"];
export type FrameOf<Type extends FrameType> = Extract<Frame, { type: Type }>;
