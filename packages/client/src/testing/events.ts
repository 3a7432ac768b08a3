// Events, rows and windows for tests, with everything that does not matter filled in.
import type {
  EventOf,
  EventPayload,
  EventType,
  FeedMessage,
  MessageId,
  MusterEvent,
  ProjectRow,
  Snapshot,
  ThreadId,
  ThreadRow,
  ThreadSummary,
  ThreadWindow,
  TurnId,
} from "@muster/contracts";

export const threadId = "thread-1" as ThreadId;
export const turnId = "turn-1" as TurnId;
export const messageId = "message-1" as MessageId;
const time = (sequence: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, sequence)).toISOString();

export function event<Type extends EventType>(
  sequence: number,
  eventType: Type,
  payload: EventPayload<Type>,
  streamId: string = threadId,
): EventOf<Type> {
  const made = {
    sequence,
    eventId: `event-${sequence}`,
    spaceId: "space",
    aggregateKind: eventType.startsWith("project.") ? "project" : "thread",
    streamId,
    streamVersion: sequence,
    occurredAt: time(sequence),
    commandId: null,
    causationEventId: null,
    correlationId: null,
    actorKind: "server",
    actorId: "hub",
    metadata: {},
    schemaVersion: "1.0",
    eventType,
    payload,
  };
  return made as unknown as EventOf<Type>;
}

export const feedEvent = (made: MusterEvent): FeedMessage => ({ type: "event", event: made }) as FeedMessage;

export const assistantText = (sequence: number, offset: number, text: string, isStreaming = true): MusterEvent =>
  event(sequence, "thread.message-sent", {
    messageId,
    turnId,
    role: "assistant",
    offset,
    text,
    attachments: [],
    isStreaming,
  });

export const project = {
  projectId: "project-1",
  sessionId: "session-1",
  nodeId: "node-1",
  title: "Project",
  workspaceRoot: "/work",
  defaultModel: null,
  scripts: [],
  createdAt: time(0),
  updatedAt: time(0),
  deletedAt: null,
} as unknown as ProjectRow;

export const thread = {
  threadId,
  projectId: project.projectId,
  title: "Thread",
  provider: "sample",
  model: null,
  runtimeMode: "approval-required",
  branch: null,
  worktreePath: null,
  latestTurnId: null,
  createdAt: time(0),
  updatedAt: time(0),
  archivedAt: null,
  deletedAt: null,
} as ThreadRow;

export const summary = (changes: Partial<ThreadSummary> = {}): ThreadSummary => ({
  ...thread,
  latestTurn: null,
  sessionStatus: "idle",
  pendingApprovalCount: 0,
  queuedTurnCount: 0,
  ...changes,
});

export const snapshot = (snapshotSequence: number, changes: Partial<Snapshot> = {}): Snapshot => ({
  generation: "generation",
  snapshotSequence,
  projects: [project],
  threads: [summary()],
  page: { before: null, hasMore: false },
  updatedAt: null,
  ...changes,
});

export const window = (snapshotSequence: number, changes: Partial<ThreadWindow> = {}): ThreadWindow => ({
  generation: "generation",
  snapshotSequence,
  thread,
  project,
  session: {
    threadId,
    status: "idle",
    providerName: "sample",
    providerSessionId: null,
    providerThreadId: null,
    activeTurnId: null,
    lastError: null,
    updatedAt: time(0),
  },
  turns: [],
  messages: [],
  activities: [],
  checkpoints: [],
  approvals: [],
  plan: [],
  page: { before: null, hasMore: false },
  ...changes,
});
