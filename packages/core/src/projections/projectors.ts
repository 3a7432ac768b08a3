// The eight projectors: pure functions from an event to changes of rows. A projector names the types it handles and
// is never called for others. Names are stored as cursors and never change.
import type { ApprovalRequest, EventOf, EventType, MusterEvent, ProjectId, ThreadId } from "@muster/contracts";
import { openedApproval } from "../orchestration/state.ts";
import type { RowOperation } from "./operations.ts";

export const PROJECTOR_NAMES = [
  "projects",
  "threads",
  "thread_messages",
  "thread_activities",
  "thread_sessions",
  "thread_turns",
  "checkpoints",
  "pending_approvals",
] as const;
export type ProjectorName = (typeof PROJECTOR_NAMES)[number];

type Handlers = { readonly [Type in EventType]?: (event: EventOf<Type>) => readonly RowOperation[] };

const threadOf = (event: MusterEvent): ThreadId => event.streamId as ThreadId;
const projectOf = (event: MusterEvent): ProjectId => event.streamId as ProjectId;

const updateThread = (
  event: MusterEvent,
  set: Extract<RowOperation, { operation: "update"; table: "projection_threads" }>["set"],
): RowOperation[] => [
  {
    operation: "update",
    table: "projection_threads",
    where: { threadId: threadOf(event) },
    set: { ...set, updatedAt: event.occurredAt },
  },
];

const projects: Handlers = {
  "project.created": (event) => [
    {
      operation: "insert",
      table: "projection_projects",
      row: {
        projectId: projectOf(event),
        ...event.payload,
        scripts: [],
        createdAt: event.occurredAt,
        updatedAt: event.occurredAt,
        deletedAt: null,
      },
    },
  ],
  "project.meta-updated": (event) => [
    {
      operation: "update",
      table: "projection_projects",
      where: { projectId: projectOf(event) },
      set: { ...event.payload, updatedAt: event.occurredAt },
    },
  ],
  "project.deleted": (event) => [
    {
      operation: "update",
      table: "projection_projects",
      where: { projectId: projectOf(event) },
      set: { deletedAt: event.occurredAt, updatedAt: event.occurredAt },
    },
  ],
};

const threads: Handlers = {
  "thread.created": (event) => [
    {
      operation: "insert",
      table: "projection_threads",
      row: {
        threadId: threadOf(event),
        ...event.payload,
        latestTurnId: null,
        createdAt: event.occurredAt,
        updatedAt: event.occurredAt,
        archivedAt: null,
        deletedAt: null,
      },
    },
  ],
  "thread.meta-updated": (event) => updateThread(event, event.payload),
  "thread.archived": (event) => updateThread(event, { archivedAt: event.occurredAt }),
  "thread.unarchived": (event) => updateThread(event, { archivedAt: null }),
  "thread.deleted": (event) => updateThread(event, { deletedAt: event.occurredAt }),
  "thread.turn-start-requested": (event) => updateThread(event, { latestTurnId: event.payload.turnId }),
  "thread.turn-settled": (event) => updateThread(event, {}),
  "thread.reverted": (event) =>
    updateThread(event, event.payload.error === null ? { latestTurnId: event.payload.latestTurnId } : {}),
};

const messages: Handlers = {
  "thread.message-sent": (event) => {
    const { messageId, turnId, role, offset, text, attachments, isStreaming } = event.payload;
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

const removeTurnsOf = (
  event: EventOf<"thread.reverted">,
  table: "projection_thread_activities" | "projection_pending_approvals" | "projection_thread_turns",
): RowOperation[] =>
  event.payload.droppedTurnIds.length === 0
    ? []
    : [
        {
          operation: "remove",
          table,
          where: { threadId: threadOf(event), turnId: event.payload.droppedTurnIds },
        } as RowOperation,
      ];

const activities: Handlers = {
  "thread.activity-appended": (event) => [
    {
      operation: "insert",
      table: "projection_thread_activities",
      row: { activityId: event.eventId, threadId: threadOf(event), ...event.payload, createdAt: event.occurredAt },
    },
  ],
  "thread.reverted": (event) => removeTurnsOf(event, "projection_thread_activities"),
};

const SETTLED_SESSION_STATUS = { completed: "ready", interrupted: "interrupted", error: "error" } as const;

const sessions: Handlers = {
  "thread.created": (event) => [
    {
      operation: "insert",
      table: "projection_thread_sessions",
      row: {
        threadId: threadOf(event),
        status: "idle",
        providerName: event.payload.provider,
        providerSessionId: null,
        providerThreadId: null,
        activeTurnId: null,
        lastError: null,
        updatedAt: event.occurredAt,
      },
    },
  ],
  "thread.turn-start-requested": (event) => [
    {
      operation: "update",
      table: "projection_thread_sessions",
      where: { threadId: threadOf(event) },
      set: { status: "starting", activeTurnId: event.payload.turnId, lastError: null, updatedAt: event.occurredAt },
    },
  ],
  "thread.session-set": (event) => [
    {
      operation: "update",
      table: "projection_thread_sessions",
      where: { threadId: threadOf(event) },
      set: { ...event.payload, updatedAt: event.occurredAt },
    },
  ],
  "thread.turn-settled": (event) => [
    {
      operation: "update",
      table: "projection_thread_sessions",
      where: { threadId: threadOf(event), activeTurnId: event.payload.turnId },
      set: {
        status: SETTLED_SESSION_STATUS[event.payload.status],
        activeTurnId: null,
        lastError: event.payload.status === "error" ? (event.payload.detail ?? event.payload.reason) : null,
        updatedAt: event.occurredAt,
      },
    },
  ],
};

const turns: Handlers = {
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

const checkpoints: Handlers = {
  "thread.turn-diff-completed": (event) => {
    const { turnId, turnCount, checkpointRef, status, files, assistantMessageId } = event.payload;
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

const approvals: Handlers = {
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

const HANDLERS: Readonly<Record<ProjectorName, Handlers>> = {
  projects,
  threads,
  thread_messages: messages,
  thread_activities: activities,
  thread_sessions: sessions,
  thread_turns: turns,
  checkpoints,
  pending_approvals: approvals,
};

/** Event types that a projector handles; for all others it does no row work. */
export const handledTypes = (name: ProjectorName): readonly EventType[] => Object.keys(HANDLERS[name]) as EventType[];

/** What one projector makes of an event. */
export function project(name: ProjectorName, event: MusterEvent): readonly RowOperation[] {
  const handler = HANDLERS[name][event.eventType] as ((event: MusterEvent) => readonly RowOperation[]) | undefined;
  return handler === undefined ? [] : handler(event);
}

/** What all projectors make of an event, in the order of PROJECTOR_NAMES. */
export const projectAll = (event: MusterEvent): RowOperation[] =>
  PROJECTOR_NAMES.flatMap((name) => project(name, event));
