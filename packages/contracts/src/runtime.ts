// Provider-neutral runtime events: what a provider adapter (ACP today) says happened in a turn,
// before it becomes an internal command. Nothing here names a protocol of a particular agent.
import { z } from "zod";
import { ApprovalRequestId, CheckpointRef, ProviderItemId, ProviderThreadId } from "./ids.ts";

export const TURN_TERMINAL_STATUSES = ["completed", "interrupted", "error"] as const;
export const TurnTerminalStatus = z.enum(TURN_TERMINAL_STATUSES);
export type TurnTerminalStatus = z.infer<typeof TurnTerminalStatus>;

export const RuntimeMode = z.enum(["approval-required", "auto-accept-edits", "full-access"]);
export type RuntimeMode = z.infer<typeof RuntimeMode>;

export const ApprovalDecision = z.enum(["accept", "acceptForSession", "decline", "cancel"]);
export type ApprovalDecision = z.infer<typeof ApprovalDecision>;

export const ToolKind = z.enum(["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"]);
export type ToolKind = z.infer<typeof ToolKind>;
export const ToolStatus = z.enum(["pending", "running", "completed", "failed"]);
export type ToolStatus = z.infer<typeof ToolStatus>;

export const ToolLocation = z.object({ path: z.string().max(4096), line: z.int().min(0).optional() });
export type ToolLocation = z.infer<typeof ToolLocation>;

/** What a tool call shows. Texts are already cut to the adapter's limits; `truncated` says so. */
export const ToolCall = z.object({
  itemId: ProviderItemId,
  title: z.string().max(512),
  kind: ToolKind,
  status: ToolStatus,
  locations: z.array(ToolLocation).max(64).default([]),
  /** Plain text output, newest last, at most 16 KiB. */
  output: z.string().max(16_384).optional(),
  /** File edits the tool reports, each side cut to 16 KiB. */
  edits: z
    .array(
      z.object({
        path: z.string().max(4096),
        oldText: z.string().max(16_384).nullable(),
        newText: z.string().max(16_384),
      }),
    )
    .max(32)
    .optional(),
  truncated: z.boolean().optional(),
  /** How long it took, of a call that is recorded once, at its end. */
  durationMs: z.int().min(0).optional(),
});
export type ToolCall = z.infer<typeof ToolCall>;

export const PlanEntry = z.object({
  content: z.string().max(2_000),
  status: z.enum(["pending", "in_progress", "completed"]),
  priority: z.enum(["high", "medium", "low"]).optional(),
});
export type PlanEntry = z.infer<typeof PlanEntry>;

export const Usage = z.object({
  inputTokens: z.int().min(0).optional(),
  outputTokens: z.int().min(0).optional(),
  totalTokens: z.int().min(0).optional(),
  /** How full the agent's context is now, and how much fits. */
  contextTokens: z.int().min(0).optional(),
  contextWindowTokens: z.int().min(0).optional(),
  /** Cost of this turn so far, not of the whole session. */
  cost: z.object({ amount: z.number(), currency: z.string().max(8) }).optional(),
});
export type Usage = z.infer<typeof Usage>;

export const ApprovalOption = z.object({ decision: ApprovalDecision, label: z.string().max(256) });
export const ApprovalRequest = z.object({
  requestId: ApprovalRequestId,
  kind: z.enum(["command", "edit", "read", "other"]),
  title: z.string().max(512),
  tool: ToolCall.optional(),
  options: z.array(ApprovalOption).min(1).max(8),
});
export type ApprovalRequest = z.infer<typeof ApprovalRequest>;

export const DiffFile = z.object({
  path: z.string().max(4096),
  previousPath: z.string().max(4096).optional(),
  status: z.enum(["added", "modified", "deleted", "renamed", "copied", "type-changed"]),
  additions: z.int().min(0).nullable(),
  deletions: z.int().min(0).nullable(),
  binary: z.boolean().default(false),
});
export type DiffFile = z.infer<typeof DiffFile>;

/** One step of a provider's turn. The union is closed: an adapter maps everything onto it or drops it. */
export const RuntimeEvent = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("session.started"),
    providerThreadId: ProviderThreadId,
    agentName: z.string().max(256).optional(),
    agentVersion: z.string().max(64).optional(),
    canLoad: z.boolean(),
    loaded: z.boolean(),
  }),
  z.object({ type: z.literal("turn.started") }),
  /** Assistant text; `messageKey` tells apart messages of one turn (a tool call in between starts a new one). */
  z.object({ type: z.literal("message.delta"), messageKey: z.string().max(128), text: z.string() }),
  z.object({ type: z.literal("message.completed"), messageKey: z.string().max(128) }),
  z.object({ type: z.literal("tool.started"), tool: ToolCall }),
  z.object({ type: z.literal("tool.updated"), tool: ToolCall }),
  z.object({ type: z.literal("tool.completed"), tool: ToolCall }),
  z.object({ type: z.literal("plan.updated"), entries: z.array(PlanEntry).max(200) }),
  z.object({ type: z.literal("approval.requested"), request: ApprovalRequest }),
  /**
   * `source` says who answered: a person, the thread's runtime mode, a decision remembered for this session, or nobody:
   * the question was withdrawn, because its turn ended or was interrupted (then the decision is `cancel`).
   */
  z.object({
    type: z.literal("approval.resolved"),
    requestId: ApprovalRequestId,
    decision: ApprovalDecision,
    source: z.enum(["person", "mode", "remembered", "withdrawn"]),
    title: z.string().max(512),
  }),
  z.object({ type: z.literal("usage.updated"), usage: Usage }),
  z.object({
    type: z.literal("turn.completed"),
    status: TurnTerminalStatus,
    reason: z.string().max(64).optional(),
    detail: z.string().max(4_096).optional(),
  }),
  z.object({ type: z.literal("runtime.error"), code: z.string().max(64), message: z.string().max(4_096) }),
  z.object({
    type: z.literal("checkpoint.captured"),
    turnCount: z.int().min(0),
    checkpointRef: CheckpointRef,
    status: z.enum(["ready", "missing", "error"]),
    files: z.array(DiffFile),
    diff: z.string(),
    truncated: z.boolean(),
    /** What the checkpoint leaves out, where that is not what the one before left out. */
    skipped: z.array(z.object({ path: z.string(), reason: z.string() })).exactOptional(),
  }),
]);
export type RuntimeEvent = z.infer<typeof RuntimeEvent>;
export type RuntimeEventType = RuntimeEvent["type"];
