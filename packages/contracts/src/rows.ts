// Rows of the eight projections, in camelCase. The tables hold the same columns in snake_case, one to one,
// with `space_id` leading every key; JSON columns end in `_json` there and are parsed values here.
import { z } from "zod";
import { ActivityTone, Attachment, ProjectScript, ProviderSessionStatus } from "./commands.ts";
import {
  ApprovalRequestId,
  CheckpointRef,
  EventId,
  MessageId,
  NodeId,
  ProjectId,
  ProviderSessionId,
  ProviderThreadId,
  SessionId,
  ThreadId,
  TurnId,
} from "./ids.ts";
import { ApprovalDecision, ApprovalRequest, DiffFile, RuntimeMode } from "./runtime.ts";

/** ISO 8601 UTC with milliseconds. */
const time = z.string();

export const ProjectRow = z.object({
  projectId: ProjectId,
  sessionId: SessionId,
  nodeId: NodeId,
  title: z.string(),
  workspaceRoot: z.string(),
  defaultModel: z.string().nullable(),
  scripts: z.array(ProjectScript),
  createdAt: time,
  updatedAt: time,
  deletedAt: time.nullable(),
});
export type ProjectRow = z.infer<typeof ProjectRow>;

export const ThreadRow = z.object({
  threadId: ThreadId,
  projectId: ProjectId,
  title: z.string(),
  provider: z.string(),
  model: z.string().nullable(),
  runtimeMode: RuntimeMode,
  branch: z.string().nullable(),
  worktreePath: z.string().nullable(),
  latestTurnId: TurnId.nullable(),
  createdAt: time,
  updatedAt: time,
  archivedAt: time.nullable(),
  deletedAt: time.nullable(),
});
export type ThreadRow = z.infer<typeof ThreadRow>;

export const MessageRow = z.object({
  messageId: MessageId,
  threadId: ThreadId,
  turnId: TurnId.nullable(),
  role: z.enum(["user", "assistant", "system"]),
  text: z.string(),
  attachments: z.array(Attachment),
  isStreaming: z.boolean(),
  createdAt: time,
  updatedAt: time,
});
export type MessageRow = z.infer<typeof MessageRow>;

export const ActivityRow = z.object({
  /** The id of the event that brought it. */
  activityId: EventId,
  threadId: ThreadId,
  turnId: TurnId.nullable(),
  tone: ActivityTone,
  kind: z.string(),
  summary: z.string(),
  payload: z.record(z.string(), z.unknown()),
  createdAt: time,
});
export type ActivityRow = z.infer<typeof ActivityRow>;

export const ThreadSessionRow = z.object({
  threadId: ThreadId,
  status: ProviderSessionStatus,
  providerName: z.string().nullable(),
  providerSessionId: ProviderSessionId.nullable(),
  providerThreadId: ProviderThreadId.nullable(),
  activeTurnId: TurnId.nullable(),
  lastError: z.string().nullable(),
  updatedAt: time,
});
export type ThreadSessionRow = z.infer<typeof ThreadSessionRow>;

export const TurnStatus = z.enum(["queued", "running", "completed", "interrupted", "error"]);
export type TurnStatus = z.infer<typeof TurnStatus>;
export const TurnRow = z.object({
  turnId: TurnId,
  threadId: ThreadId,
  /** From 1, given when the turn starts; null while it waits. */
  turnCount: z.int().nullable(),
  status: TurnStatus,
  reason: z.string().nullable(),
  queuePosition: z.int().nullable(),
  model: z.string().nullable(),
  effort: z.string().nullable(),
  userMessageId: MessageId,
  assistantMessageId: MessageId.nullable(),
  requestedAt: time,
  startedAt: time.nullable(),
  completedAt: time.nullable(),
});
export type TurnRow = z.infer<typeof TurnRow>;

export const CheckpointRow = z.object({
  threadId: ThreadId,
  turnId: TurnId,
  checkpointTurnCount: z.int().min(0),
  checkpointRef: CheckpointRef,
  status: z.enum(["ready", "missing", "error"]),
  files: z.array(DiffFile),
  assistantMessageId: MessageId.nullable(),
  completedAt: time,
});
export type CheckpointRow = z.infer<typeof CheckpointRow>;

export const ApprovalRow = z.object({
  requestId: ApprovalRequestId,
  threadId: ThreadId,
  turnId: TurnId,
  kind: z.string(),
  status: z.enum(["pending", "resolved", "expired"]),
  decision: ApprovalDecision.nullable(),
  payload: ApprovalRequest,
  createdAt: time,
  resolvedAt: time.nullable(),
});
export type ApprovalRow = z.infer<typeof ApprovalRow>;
