// Projectors of what is there: projects, threads, and the state of a thread's agent.
import type { ProjectId } from "@muster/contracts";
import { type Handlers, type ProjectedEvent, threadOf, withoutMarks } from "./handlers.ts";
import type { RowOperation } from "./operations.ts";

const projectOf = (event: ProjectedEvent): ProjectId => event.streamId as ProjectId;

const updateThread = (
  event: ProjectedEvent,
  set: Extract<RowOperation, { operation: "update"; table: "projection_threads" }>["set"],
): RowOperation[] => [
  {
    operation: "update",
    table: "projection_threads",
    where: { threadId: threadOf(event) },
    set: { ...set, updatedAt: event.occurredAt },
  },
];

export const projects: Handlers = {
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

export const threads: Handlers = {
  "thread.created": (event) => [
    {
      operation: "insert",
      table: "projection_threads",
      row: {
        threadId: threadOf(event),
        ...withoutMarks(event.payload),
        latestTurnId: null,
        createdAt: event.occurredAt,
        updatedAt: event.occurredAt,
        archivedAt: null,
        deletedAt: null,
      },
    },
  ],
  "thread.meta-updated": (event) => updateThread(event, withoutMarks(event.payload)),
  "thread.archived": (event) => updateThread(event, { archivedAt: event.occurredAt }),
  "thread.unarchived": (event) => updateThread(event, { archivedAt: null }),
  "thread.deleted": (event) => updateThread(event, { deletedAt: event.occurredAt }),
  "thread.turn-start-requested": (event) => updateThread(event, { latestTurnId: event.payload.turnId }),
  "thread.turn-settled": (event) => updateThread(event, {}),
  "thread.reverted": (event) =>
    updateThread(event, event.payload.error === null ? { latestTurnId: event.payload.latestTurnId } : {}),
};

const SETTLED_SESSION_STATUS = { completed: "ready", interrupted: "interrupted", error: "error" } as const;

export const sessions: Handlers = {
  "thread.created": (event) => {
    // The agent of a removed thread has no state left, and whatever came later finds no row to change.
    if (event.payload.pruned === true) return [];
    const row = {
      threadId: threadOf(event),
      status: "idle",
      providerName: event.payload.provider,
      providerSessionId: null,
      providerThreadId: null,
      activeTurnId: null,
      lastError: null,
      updatedAt: event.occurredAt,
    } as const;
    return [{ operation: "insert", table: "projection_thread_sessions", row }];
  },
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
      set: { ...withoutMarks(event.payload), updatedAt: event.occurredAt },
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
