// Commands: what clients ask for, and what an authenticated node reports. Parsed strictly before anything else
// looks at them; limits stand beside the fields. The list is closed: one union for clients, one for nodes.
import { z } from "zod";
import {
  ApprovalRequestId,
  CheckpointRef,
  CommandId,
  MessageId,
  NodeId,
  ProjectId,
  ProviderSessionId,
  ProviderThreadId,
  SessionId,
  ThreadId,
  TurnId,
} from "./ids.ts";
import { ApprovalDecision, DiffFile, RuntimeMode, TurnTerminalStatus } from "./runtime.ts";
import { isShallowJson, JSON_DEPTH_MAX, NOT_STORABLE, spokenText, storableJson, unstorablePaths } from "./text.ts";

export const MESSAGE_TEXT_MAX_CHARACTERS = 120_000;
export const ATTACHMENTS_MAX = 8;
export const QUEUED_TURNS_MAX = 20;
export const TITLE_MAX_CHARACTERS = 256;
export const PATH_MAX_CHARACTERS = 4_096;
/** A persisted piece of streaming text. */
export const TEXT_CHUNK_MAX_CHARACTERS = 65_536;
/** Diff text kept for one turn; longer diffs are cut and marked. */
export const DIFF_MAX_CHARACTERS = 2 * 1024 * 1024;

const title = z.string().trim().min(1).max(TITLE_MAX_CHARACTERS);
const path = z.string().min(1).max(PATH_MAX_CHARACTERS);
const model = z.string().min(1).max(128);
/** W3C trace context, carried and not looked at. */
export const Traceparent = z.string().regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);

export const Attachment = z.strictObject({
  name: z.string().min(1).max(256),
  mediaType: z.string().min(1).max(128),
  /** Text of a small file given with the message. */
  text: spokenText.max(MESSAGE_TEXT_MAX_CHARACTERS),
});
export type Attachment = z.infer<typeof Attachment>;

export const ProjectScript = z.strictObject({ name: z.string().min(1).max(64), command: z.string().min(1).max(4_096) });

const client = {
  commandId: CommandId,
  /** When the person asked, by the client's clock; kept for people, never trusted. */
  clientCreatedAt: z.iso.datetime().optional(),
  traceparent: Traceparent.optional(),
};
const ofProject = { ...client, projectId: ProjectId };
const ofThread = { ...client, threadId: ThreadId };

export const ProjectCreate = z.strictObject({
  type: z.literal("project.create"),
  ...ofProject,
  sessionId: SessionId,
  nodeId: NodeId,
  title,
  workspaceRoot: path,
  defaultModel: model.optional(),
});
export const ProjectMetaUpdate = z.strictObject({
  type: z.literal("project.meta.update"),
  ...ofProject,
  title: title.optional(),
  workspaceRoot: path.optional(),
  defaultModel: model.nullable().optional(),
  scripts: z.array(ProjectScript).max(32).optional(),
});
export const ProjectDelete = z.strictObject({
  type: z.literal("project.delete"),
  ...ofProject,
  force: z.boolean().optional(),
});
export const ThreadCreate = z.strictObject({
  type: z.literal("thread.create"),
  ...ofThread,
  projectId: ProjectId,
  title,
  provider: z.string().min(1).max(64),
  model: model.optional(),
  branch: z.string().min(1).max(256).nullable(),
  worktreePath: path.nullable(),
  runtimeMode: RuntimeMode,
});
export const ThreadMetaUpdate = z.strictObject({
  type: z.literal("thread.meta.update"),
  ...ofThread,
  title: title.optional(),
  model: model.nullable().optional(),
  runtimeMode: RuntimeMode.optional(),
  branch: z.string().min(1).max(256).nullable().optional(),
  worktreePath: path.nullable().optional(),
});
export const ThreadArchive = z.strictObject({ type: z.literal("thread.archive"), ...ofThread });
export const ThreadUnarchive = z.strictObject({ type: z.literal("thread.unarchive"), ...ofThread });
export const ThreadDelete = z.strictObject({ type: z.literal("thread.delete"), ...ofThread });
export const ThreadTurnStart = z.strictObject({
  type: z.literal("thread.turn.start"),
  ...ofThread,
  turnId: TurnId,
  message: z.strictObject({
    messageId: MessageId,
    role: z.literal("user"),
    text: spokenText.min(1).max(MESSAGE_TEXT_MAX_CHARACTERS),
    attachments: z.array(Attachment).max(ATTACHMENTS_MAX).default([]),
  }),
  model: model.optional(),
  effort: z.enum(["low", "medium", "high"]).optional(),
  whenBusy: z.enum(["reject", "queue"]).default("reject"),
});
export const ThreadTurnInterrupt = z.strictObject({
  type: z.literal("thread.turn.interrupt"),
  ...ofThread,
  /** Absent: whichever turn runs. */
  turnId: TurnId.optional(),
});
export const ThreadTurnCancelQueued = z.strictObject({
  type: z.literal("thread.turn.cancel-queued"),
  ...ofThread,
  turnId: TurnId,
});
export const ThreadApprovalRespond = z.strictObject({
  type: z.literal("thread.approval.respond"),
  ...ofThread,
  requestId: ApprovalRequestId,
  decision: ApprovalDecision,
});
export const ThreadCheckpointRevert = z
  .strictObject({
    type: z.literal("thread.checkpoint.revert"),
    ...ofThread,
    turnCount: z.int().min(0).optional(),
    checkpointRef: CheckpointRef.optional(),
    mode: z.enum(["both", "files", "conversation"]).default("both"),
  })
  .refine(
    (value) => (value.turnCount === undefined) !== (value.checkpointRef === undefined),
    "give turnCount or checkpointRef, one of the two",
  );
export const ThreadSessionStop = z.strictObject({ type: z.literal("thread.session.stop"), ...ofThread });

const clientCommand = z.discriminatedUnion("type", [
  ProjectCreate,
  ProjectMetaUpdate,
  ProjectDelete,
  ThreadCreate,
  ThreadMetaUpdate,
  ThreadArchive,
  ThreadUnarchive,
  ThreadDelete,
  ThreadTurnStart,
  ThreadTurnInterrupt,
  ThreadTurnCancelQueued,
  ThreadApprovalRespond,
  ThreadCheckpointRevert,
  ThreadSessionStop,
]);
/**
 * Every command a client may send. Texts of messages and attachments are kept as `storableText` makes them; any other
 * text that no database could keep is refused.
 */
export const ClientCommand = clientCommand.superRefine((value, context) => {
  for (const path of unstorablePaths(value)) context.addIssue({ code: "custom", path, message: NOT_STORABLE });
});
export type ClientCommand = z.infer<typeof ClientCommand>;
/** A client command before parsing: brands are strings, defaults may be absent. */
export type ClientCommandInput = z.input<typeof ClientCommand>;

export const ActivityTone = z.enum(["info", "tool", "approval", "error"]);
export type ActivityTone = z.infer<typeof ActivityTone>;

export const ProviderSessionStatus = z.enum([
  "idle",
  "starting",
  "running",
  "ready",
  "interrupted",
  "stopped",
  "error",
]);
export type ProviderSessionStatus = z.infer<typeof ProviderSessionStatus>;

const node = { threadId: ThreadId };

export const RevertedFile = z.object({
  path: z.string().max(PATH_MAX_CHARACTERS),
  outcome: z.enum(["restored", "deleted", "kept", "failed"]),
  reason: z.string().max(512).optional(),
});

const internalCommand = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("thread.session.set"),
    ...node,
    status: ProviderSessionStatus,
    providerName: z.string().max(64),
    providerSessionId: ProviderSessionId.nullable(),
    providerThreadId: ProviderThreadId.nullable(),
    activeTurnId: TurnId.nullable(),
    lastError: z.string().max(8_192).nullable(),
  }),
  z.strictObject({
    type: z.literal("thread.message.assistant.delta"),
    ...node,
    turnId: TurnId,
    messageId: MessageId,
    /** Where this text starts, in UTF-16 code units of the whole message. */
    offset: z.int().min(0),
    text: z.string().min(1).max(TEXT_CHUNK_MAX_CHARACTERS),
  }),
  z.strictObject({
    type: z.literal("thread.message.assistant.complete"),
    ...node,
    turnId: TurnId,
    messageId: MessageId,
    offset: z.int().min(0),
    text: z.string().max(TEXT_CHUNK_MAX_CHARACTERS),
  }),
  z.strictObject({
    type: z.literal("thread.turn.diff.complete"),
    ...node,
    turnId: TurnId,
    /** 0 is the checkpoint before the first turn. */
    turnCount: z.int().min(0),
    checkpointRef: CheckpointRef,
    status: z.enum(["ready", "missing", "error"]),
    files: z.array(DiffFile).max(1_000),
    diff: z.string().max(DIFF_MAX_CHARACTERS),
    truncated: z.boolean(),
  }),
  z.strictObject({
    type: z.literal("thread.activity.append"),
    ...node,
    turnId: TurnId.nullable(),
    tone: ActivityTone,
    kind: z.string().min(1).max(64),
    summary: z.string().max(1_024),
    payload: z.record(z.string(), z.unknown()),
  }),
  z.strictObject({
    type: z.literal("thread.turn.settle"),
    ...node,
    turnId: TurnId,
    status: TurnTerminalStatus,
    reason: z.string().max(64).nullable(),
    detail: z.string().max(8_192).nullable(),
  }),
  z.strictObject({
    type: z.literal("thread.revert.complete"),
    ...node,
    turnCount: z.int().min(0),
    mode: z.enum(["both", "files", "conversation"]),
    safetyRef: CheckpointRef.nullable(),
    files: z.array(RevertedFile).max(10_000),
    /** Set when nothing was changed, with the code that says why. */
    error: z.string().max(1_024).nullable(),
  }),
  z.strictObject({
    type: z.literal("thread.approval.expire"),
    ...node,
    requestId: ApprovalRequestId,
    reason: z.string().max(64),
  }),
]);
/**
 * Commands that only an authenticated node (by ingest) or the hub itself gives. Every text in them is kept as
 * `storableText` makes it: what an agent or a file name holds is no reason to lose the report.
 */
export const InternalCommand = internalCommand
  .refine((value) => isShallowJson(value), `a command nests at most ${JSON_DEPTH_MAX} deep`)
  .overwrite(storableJson);
export type InternalCommand = z.infer<typeof InternalCommand>;
export type InternalCommandType = InternalCommand["type"];
export type ClientCommandType = ClientCommand["type"];

/** What a dispatched command is answered with. */
export const DispatchResult = z.object({
  generation: z.string(),
  /** Sequence of the last event the command led to. */
  sequence: z.int().min(0),
  receipt: z.enum(["accepted", "duplicate"]),
});
export type DispatchResult = z.infer<typeof DispatchResult>;
