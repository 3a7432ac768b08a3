// Events: immutable facts, persisted and on the wire alike. A payload's shape is versioned by MAJOR.MINOR in the
// envelope; stored bytes are never rewritten, so a change here is either additive (MINOR) or needs an upcaster (MAJOR).
import { z } from "zod";
import { ActivityTone, Attachment, ProjectScript, ProviderSessionStatus, RevertedFile } from "./commands.ts";
import {
  ApprovalRequestId,
  CheckpointRef,
  CommandId,
  EventId,
  MessageId,
  NodeId,
  ProjectId,
  ProviderSessionId,
  ProviderThreadId,
  SessionId,
  SpaceId,
  TurnId,
} from "./ids.ts";
import { ApprovalDecision, DiffFile, RuntimeMode, TurnTerminalStatus } from "./runtime.ts";

/** Version of every payload this program writes. */
export const EVENT_SCHEMA_VERSION = "1.0";

export const AggregateKind = z.enum(["project", "thread"]);
export type AggregateKind = z.infer<typeof AggregateKind>;
export const ActorKind = z.enum(["client", "server", "provider"]);
export type ActorKind = z.infer<typeof ActorKind>;

const nullableString = z.string().nullable();
const revertMode = z.enum(["both", "files", "conversation"]);
/**
 * What retention leaves in a payload whose content it took out: ids, counts and states stay, texts are empty, and
 * `digest` is the SHA-256 of the canonical JSON of what was there. A reader that does not know the marks reads the rest.
 */
const prunedMarks = { pruned: z.literal(true).exactOptional(), digest: z.string().exactOptional() };

/** Payload schema of each event type. A project's events have its id in `streamId`, a thread's likewise. */
export const EVENT_PAYLOADS = {
  "project.created": z.object({
    sessionId: SessionId,
    nodeId: NodeId,
    title: z.string(),
    workspaceRoot: z.string(),
    defaultModel: nullableString,
  }),
  "project.meta-updated": z.object({
    title: z.string().exactOptional(),
    workspaceRoot: z.string().exactOptional(),
    defaultModel: nullableString.exactOptional(),
    scripts: z.array(ProjectScript).exactOptional(),
  }),
  "project.deleted": z.object({ force: z.boolean() }),
  "thread.created": z.object({
    projectId: ProjectId,
    title: z.string(),
    provider: z.string(),
    model: nullableString,
    branch: nullableString,
    worktreePath: nullableString,
    runtimeMode: RuntimeMode,
    ...prunedMarks,
  }),
  "thread.meta-updated": z.object({
    title: z.string().exactOptional(),
    model: nullableString.exactOptional(),
    runtimeMode: RuntimeMode.exactOptional(),
    branch: nullableString.exactOptional(),
    worktreePath: nullableString.exactOptional(),
    ...prunedMarks,
  }),
  "thread.archived": z.object({}),
  "thread.unarchived": z.object({}),
  "thread.deleted": z.object({}),
  /** One message, or one piece of a streaming one: `text` goes in at `offset`, `isStreaming` says whether more may come. */
  "thread.message-sent": z.object({
    messageId: MessageId,
    turnId: TurnId.nullable(),
    role: z.enum(["user", "assistant", "system"]),
    offset: z.int().min(0),
    text: z.string(),
    attachments: z.array(Attachment),
    isStreaming: z.boolean(),
    ...prunedMarks,
  }),
  "thread.turn-start-requested": z.object({
    turnId: TurnId,
    messageId: MessageId,
    turnCount: z.int().min(1),
    model: nullableString,
    effort: nullableString,
  }),
  "thread.turn-queued": z.object({
    turnId: TurnId,
    messageId: MessageId,
    model: nullableString,
    effort: nullableString,
    position: z.int().min(1),
  }),
  "thread.turn-dequeued": z.object({ turnId: TurnId, reason: z.enum(["started", "cancelled", "stopped", "reverted"]) }),
  "thread.turn-interrupt-requested": z.object({ turnId: TurnId }),
  "thread.turn-settled": z.object({
    turnId: TurnId,
    status: TurnTerminalStatus,
    reason: nullableString,
    detail: nullableString,
    /** Messages of the turn that were still streaming; they end with the text they have. */
    completedMessageIds: z.array(MessageId),
    /** Approvals of the turn that were still pending; they expire with it. */
    expiredRequestIds: z.array(ApprovalRequestId),
    ...prunedMarks,
  }),
  "thread.approval-response-requested": z.object({
    requestId: ApprovalRequestId,
    turnId: TurnId,
    decision: ApprovalDecision,
  }),
  "thread.approval-expired": z.object({ requestId: ApprovalRequestId, reason: z.string() }),
  "thread.checkpoint-revert-requested": z.object({
    turnCount: z.int().min(0),
    checkpointRef: CheckpointRef,
    mode: revertMode,
  }),
  "thread.reverted": z.object({
    turnCount: z.int().min(0),
    mode: revertMode,
    safetyRef: CheckpointRef.nullable(),
    files: z.array(RevertedFile),
    droppedTurnIds: z.array(TurnId),
    droppedMessageIds: z.array(MessageId),
    latestTurnId: TurnId.nullable(),
    error: nullableString,
    ...prunedMarks,
  }),
  "thread.session-stop-requested": z.object({}),
  "thread.session-set": z.object({
    status: ProviderSessionStatus,
    providerName: z.string(),
    providerSessionId: ProviderSessionId.nullable(),
    providerThreadId: ProviderThreadId.nullable(),
    activeTurnId: TurnId.nullable(),
    lastError: nullableString,
    ...prunedMarks,
  }),
  "thread.turn-diff-completed": z.object({
    turnId: TurnId,
    turnCount: z.int().min(0),
    checkpointRef: CheckpointRef,
    status: z.enum(["ready", "missing", "error"]),
    files: z.array(DiffFile),
    truncated: z.boolean(),
    assistantMessageId: MessageId.nullable(),
    ...prunedMarks,
  }),
  "thread.activity-appended": z.object({
    turnId: TurnId.nullable(),
    tone: ActivityTone,
    kind: z.string(),
    summary: z.string(),
    payload: z.record(z.string(), z.unknown()),
    ...prunedMarks,
  }),
} as const;

export type EventType = keyof typeof EVENT_PAYLOADS;
export const EVENT_TYPES = Object.keys(EVENT_PAYLOADS) as EventType[];
export const isEventType = (value: string): value is EventType => Object.hasOwn(EVENT_PAYLOADS, value);
export type EventPayload<Type extends EventType> = z.infer<(typeof EVENT_PAYLOADS)[Type]>;

export const EventMetadata = z.object({
  providerSessionId: z.string().optional(),
  providerThreadId: z.string().optional(),
  providerTurnId: z.string().optional(),
  providerItemId: z.string().optional(),
  adapterKey: z.string().optional(),
  requestId: z.string().optional(),
  ingestedAt: z.string().optional(),
  clientCreatedAt: z.string().optional(),
});
export type EventMetadata = z.infer<typeof EventMetadata>;

/** Everything about an event but its type and payload. Times are ISO 8601 UTC with milliseconds, by the hub's clock. */
export const EventEnvelope = z.object({
  sequence: z.int().min(1),
  eventId: EventId,
  spaceId: SpaceId,
  aggregateKind: AggregateKind,
  streamId: z.string(),
  streamVersion: z.int().min(1),
  occurredAt: z.string(),
  commandId: CommandId.nullable(),
  causationEventId: EventId.nullable(),
  correlationId: CommandId.nullable(),
  actorKind: ActorKind,
  /** A principal, or the node that speaks for itself. */
  actorId: z.string().min(1).max(256),
  metadata: EventMetadata,
  schemaVersion: z.string(),
});
export type EventEnvelope = z.infer<typeof EventEnvelope>;

/** An event of a known type: `eventType` tells the shape of `payload`. */
export type MusterEvent = {
  [Type in EventType]: EventEnvelope & { eventType: Type; payload: EventPayload<Type> };
}[EventType];
export type EventOf<Type extends EventType> = Extract<MusterEvent, { eventType: Type }>;
/** What a decider returns: the fact alone, before the log gives it a place. */
export type NewEvent = { [Type in EventType]: { eventType: Type; payload: EventPayload<Type> } }[EventType];

/** An event as it stands on the wire: of any type, so that an older reader can carry what it does not know. */
export const WireEvent = EventEnvelope.extend({ eventType: z.string(), payload: z.record(z.string(), z.unknown()) });
export type WireEvent = z.infer<typeof WireEvent>;

/** True when this program knows the type and the payload's MAJOR; everything else is kept and skipped. */
export const isKnownKind = ({ eventType, schemaVersion }: Pick<WireEvent, "eventType" | "schemaVersion">): boolean =>
  isEventType(eventType) && schemaVersion.startsWith("1.");

/** The same, of a whole event. */
export const isKnownEvent = (event: WireEvent | MusterEvent): event is MusterEvent => isKnownKind(event);
