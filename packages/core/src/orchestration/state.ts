// State that decisions are made on: a small fold of a stream, never its whole content. Values are immutable;
// a fold of the stream's events and a load from the projections give the same state.
import type {
  ApprovalRequestId,
  EventOf,
  EventPayload,
  MessageId,
  MusterEvent,
  NewEvent,
  NodeId,
  ProjectId,
  RuntimeMode,
  SessionId,
  TurnId,
} from "@muster/contracts";

export interface ProjectState {
  readonly sessionId: SessionId;
  readonly nodeId: NodeId;
  readonly workspaceRoot: string;
  readonly isDeleted: boolean;
}

export interface RunningTurn {
  readonly turnId: TurnId;
  readonly turnCount: number;
}

export interface QueuedTurn {
  readonly turnId: TurnId;
  readonly messageId: MessageId;
  readonly model: string | null;
  readonly effort: string | null;
  readonly position: number;
}

/** An assistant message: how much text is stored, in UTF-16 code units, and whether more may come. */
export interface AssistantMessage {
  readonly messageId: MessageId;
  readonly turnId: TurnId;
  readonly length: number;
  readonly isStreaming: boolean;
}

export interface ThreadState {
  readonly projectId: ProjectId;
  readonly provider: string;
  readonly model: string | null;
  readonly runtimeMode: RuntimeMode;
  readonly isArchived: boolean;
  readonly isDeleted: boolean;
  /** Highest turn count given so far. */
  readonly turnCount: number;
  readonly latestTurnId: TurnId | null;
  readonly running: RunningTurn | null;
  /** Oldest first. */
  readonly queue: readonly QueuedTurn[];
  /** By requestId. */
  readonly pendingApprovals: readonly { readonly requestId: ApprovalRequestId; readonly turnId: TurnId }[];
  /** Assistant messages of the running turn, by messageId. */
  readonly messages: readonly AssistantMessage[];
  /** A revert that was asked of the node and has not come back. */
  readonly reverting: Pick<EventPayload<"thread.checkpoint-revert-requested">, "turnCount" | "mode"> | null;
}

/** null: the stream has no events. */
export type StreamState =
  | { readonly kind: "project"; readonly state: ProjectState | null }
  | { readonly kind: "thread"; readonly state: ThreadState | null };

type Fact = MusterEvent | NewEvent;

/** The order does not hang on when things came, so that states from a fold and from rows are equal. */
const sortedBy = <Item>(items: Item[], key: (item: Item) => string): Item[] =>
  items.sort((a, b) => (key(a) < key(b) ? -1 : 1));

export function evolveProject(state: ProjectState | null, event: Fact): ProjectState | null {
  switch (event.eventType) {
    case "project.created": {
      const { sessionId, nodeId, workspaceRoot } = event.payload;
      return { sessionId, nodeId, workspaceRoot, isDeleted: false };
    }
    case "project.meta-updated":
      return state && { ...state, workspaceRoot: event.payload.workspaceRoot ?? state.workspaceRoot };
    case "project.deleted":
      return state && { ...state, isDeleted: true };
    default:
      return state;
  }
}

export function evolveThread(state: ThreadState | null, event: Fact): ThreadState | null {
  if (event.eventType === "thread.created") {
    const { projectId, provider, model, runtimeMode } = event.payload;
    return {
      projectId,
      provider,
      model,
      runtimeMode,
      isArchived: false,
      isDeleted: false,
      turnCount: 0,
      latestTurnId: null,
      running: null,
      queue: [],
      pendingApprovals: [],
      messages: [],
      reverting: null,
    };
  }
  return state && evolveExisting(state, event);
}

function evolveExisting(state: ThreadState, event: Fact): ThreadState {
  switch (event.eventType) {
    case "thread.meta-updated": {
      const { model, runtimeMode } = event.payload;
      return {
        ...state,
        ...(model === undefined ? {} : { model }),
        ...(runtimeMode === undefined ? {} : { runtimeMode }),
      };
    }
    case "thread.archived":
      return { ...state, isArchived: true };
    case "thread.unarchived":
      return { ...state, isArchived: false };
    case "thread.deleted":
      return { ...state, isDeleted: true };
    case "thread.message-sent":
      return evolveMessage(state, event.payload);
    case "thread.turn-queued": {
      const { turnId, messageId, model, effort, position } = event.payload;
      return { ...state, queue: [...state.queue, { turnId, messageId, model, effort, position }] };
    }
    case "thread.turn-dequeued":
      return { ...state, queue: state.queue.filter((queued) => queued.turnId !== event.payload.turnId) };
    case "thread.turn-start-requested": {
      const { turnId, turnCount } = event.payload;
      return { ...state, running: { turnId, turnCount }, turnCount, latestTurnId: turnId, messages: [] };
    }
    case "thread.turn-settled": {
      const { turnId, expiredRequestIds } = event.payload;
      const isRunning = state.running?.turnId === turnId;
      return {
        ...state,
        running: isRunning ? null : state.running,
        messages: isRunning ? [] : state.messages,
        pendingApprovals: state.pendingApprovals.filter((approval) => !expiredRequestIds.includes(approval.requestId)),
      };
    }
    case "thread.activity-appended": {
      const approval = openedApproval(event.payload);
      return approval
        ? { ...state, pendingApprovals: sortedBy([...state.pendingApprovals, approval], (one) => one.requestId) }
        : state;
    }
    case "thread.approval-response-requested":
    case "thread.approval-expired":
      return {
        ...state,
        pendingApprovals: state.pendingApprovals.filter((approval) => approval.requestId !== event.payload.requestId),
      };
    case "thread.checkpoint-revert-requested": {
      const { turnCount, mode } = event.payload;
      return { ...state, reverting: { turnCount, mode } };
    }
    case "thread.reverted":
      return evolveReverted(state, event.payload);
    default:
      return state;
  }
}

function evolveMessage(state: ThreadState, payload: EventOf<"thread.message-sent">["payload"]): ThreadState {
  const { messageId, role, turnId, offset, text, isStreaming } = payload;
  if (role !== "assistant") return state;
  const length = offset + text.length;
  if (offset === 0) {
    if (turnId === null || turnId !== state.running?.turnId) return state;
    const messages = [...state.messages, { messageId, turnId, length, isStreaming }];
    return { ...state, messages: sortedBy(messages, (one) => one.messageId) };
  }
  return {
    ...state,
    messages: state.messages.map((message) =>
      message.messageId === messageId ? { ...message, length, isStreaming } : message,
    ),
  };
}

function evolveReverted(state: ThreadState, payload: EventOf<"thread.reverted">["payload"]): ThreadState {
  if (payload.error !== null || payload.mode === "files") return { ...state, reverting: null };
  return {
    ...state,
    reverting: null,
    turnCount: payload.turnCount,
    latestTurnId: payload.latestTurnId,
    queue: [],
  };
}

export const APPROVAL_REQUESTED_KIND = "approval.requested";

/** The approval that an activity opens, if it opens one. */
export function openedApproval(
  payload: EventOf<"thread.activity-appended">["payload"],
): { requestId: ApprovalRequestId; turnId: TurnId } | null {
  const { kind, turnId } = payload;
  const requestId = payload.payload["requestId"];
  if (kind !== APPROVAL_REQUESTED_KIND || turnId === null || typeof requestId !== "string") return null;
  return { requestId: requestId as ApprovalRequestId, turnId };
}
