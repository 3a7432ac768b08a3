// Projectors of what happens in a thread: messages, activities, turns, checkpoints and questions.
import type { ApprovalRequest } from "@muster/contracts";
import { openedApproval } from "../orchestration/state.ts";
import { type Handlers, removeTurnsOf, threadOf } from "./handlers.ts";

export const messages: Handlers = {
  "thread.message-sent": (event) => {
    const { messageId, turnId, role, offset, text, attachments, isStreaming, pruned } = event.payload;
    // Of a removed thread; the row went with the text, and pieces that came later find none.
    if (pruned === true) return [];
    if (offset > 0) {
      return [
        {
          operation: "append-text",
          table: "projection_thread_messages",
          where: { messageId },
          text,
          set: { isStreaming, updatedAt: event.occurredAt },
        },
      ];
    }
    const row = {
      messageId,
      threadId: threadOf(event),
      turnId,
      role,
      text,
      attachments,
      isStreaming,
      createdAt: event.occurredAt,
      updatedAt: event.occurredAt,
    };
    return [{ operation: "insert", table: "projection_thread_messages", row }];
  },
  "thread.turn-settled": (event) =>
    event.payload.completedMessageIds.length === 0
      ? []
      : [
          {
            operation: "update",
            table: "projection_thread_messages",
            where: { messageId: event.payload.completedMessageIds },
            set: { isStreaming: false, updatedAt: event.occurredAt },
          },
        ],
  "thread.turn-dequeued": (event) =>
    event.payload.reason === "started"
      ? []
      : [
          {
            operation: "remove",
            table: "projection_thread_messages",
            where: { threadId: threadOf(event), turnId: event.payload.turnId },
          },
        ],
  "thread.reverted": (event) =>
    event.payload.droppedMessageIds.length === 0
      ? []
      : [
          {
            operation: "remove",
            table: "projection_thread_messages",
            where: { messageId: event.payload.droppedMessageIds },
          },
        ],
};

export const activities: Handlers = {
  "thread.activity-appended": (event) => {
    const { turnId, tone, kind, summary, payload, pruned } = event.payload;
    if (pruned === true) return [];
    const row = {
      activityId: event.eventId,
      threadId: threadOf(event),
      turnId,
      tone,
      kind,
      summary,
      payload,
      createdAt: event.occurredAt,
    };
    return [{ operation: "insert", table: "projection_thread_activities", row }];
  },
  "thread.reverted": (event) => removeTurnsOf(event, "projection_thread_activities"),
};

export const turns: Handlers = {
  "thread.turn-queued": (event) => {
    const { turnId, messageId, model, effort, position } = event.payload;
    return [
      {
        operation: "insert",
        table: "projection_thread_turns",
        row: {
          turnId,
          threadId: threadOf(event),
          turnCount: null,
          status: "queued",
          reason: null,
          queuePosition: position,
          model,
          effort,
          userMessageId: messageId,
          assistantMessageId: null,
          requestedAt: event.occurredAt,
          startedAt: null,
          completedAt: null,
        },
      },
    ];
  },
  "thread.turn-dequeued": (event) =>
    event.payload.reason === "started"
      ? []
      : [{ operation: "remove", table: "projection_thread_turns", where: { turnId: event.payload.turnId } }],
  "thread.turn-start-requested": (event) => {
    const { turnId, messageId, turnCount, model, effort } = event.payload;
    return [
      {
        operation: "insert",
        table: "projection_thread_turns",
        row: {
          turnId,
          threadId: threadOf(event),
          turnCount,
          status: "running",
          reason: null,
          queuePosition: null,
          model,
          effort,
          userMessageId: messageId,
          assistantMessageId: null,
          requestedAt: event.occurredAt,
          startedAt: event.occurredAt,
          completedAt: null,
        },
        // The row is there already when the turn waited in the queue; then its time of asking stays.
        replace: ["turnCount", "status", "queuePosition", "startedAt"],
      },
    ];
  },
  "thread.message-sent": (event) => {
    const { role, offset, turnId, messageId } = event.payload;
    if (role !== "assistant" || offset > 0 || turnId === null) return [];
    return [
      {
        operation: "update",
        table: "projection_thread_turns",
        where: { turnId },
        set: { assistantMessageId: messageId },
      },
    ];
  },
  "thread.turn-settled": (event) => {
    const { turnId, status, reason } = event.payload;
    return [
      {
        operation: "update",
        table: "projection_thread_turns",
        where: { turnId },
        set: { status, reason, completedAt: event.occurredAt },
      },
    ];
  },
  "thread.reverted": (event) => removeTurnsOf(event, "projection_thread_turns"),
};

export const checkpoints: Handlers = {
  "thread.turn-diff-completed": (event) => {
    const { turnId, turnCount, checkpointRef, status, files, assistantMessageId, pruned } = event.payload;
    if (pruned === true) return [];
    return [
      {
        operation: "insert",
        table: "projection_checkpoints",
        row: {
          threadId: threadOf(event),
          turnId,
          checkpointTurnCount: turnCount,
          checkpointRef,
          status,
          files,
          assistantMessageId,
          completedAt: event.occurredAt,
        },
        replace: ["turnId", "checkpointRef", "status", "files", "assistantMessageId", "completedAt"],
      },
    ];
  },
  "thread.reverted": (event) =>
    event.payload.error !== null || event.payload.mode === "files"
      ? []
      : [
          {
            operation: "remove",
            table: "projection_checkpoints",
            where: { threadId: threadOf(event) },
            above: { column: "checkpointTurnCount", value: event.payload.turnCount },
          },
        ],
};

export const approvals: Handlers = {
  "thread.activity-appended": (event) => {
    const opened = openedApproval(event.payload);
    if (opened === null) return [];
    return [
      {
        operation: "insert",
        table: "projection_pending_approvals",
        row: {
          ...opened,
          threadId: threadOf(event),
          kind: String(event.payload.payload["kind"] ?? "other"),
          status: "pending",
          decision: null,
          payload: event.payload.payload as ApprovalRequest,
          createdAt: event.occurredAt,
          resolvedAt: null,
        },
      },
    ];
  },
  "thread.approval-response-requested": (event) => [
    {
      operation: "update",
      table: "projection_pending_approvals",
      where: { requestId: event.payload.requestId },
      set: { status: "resolved", decision: event.payload.decision, resolvedAt: event.occurredAt },
    },
  ],
  "thread.approval-expired": (event) => [
    {
      operation: "update",
      table: "projection_pending_approvals",
      where: { requestId: event.payload.requestId },
      set: { status: "expired", resolvedAt: event.occurredAt },
    },
  ],
  "thread.turn-settled": (event) =>
    event.payload.expiredRequestIds.length === 0
      ? []
      : [
          {
            operation: "update",
            table: "projection_pending_approvals",
            where: { requestId: event.payload.expiredRequestIds },
            set: { status: "expired", resolvedAt: event.occurredAt },
          },
        ],
  "thread.reverted": (event) => removeTurnsOf(event, "projection_pending_approvals"),
};
