// Decides clients' commands of a thread: (state, command, context) → events or a typed refusal. Pure.
// Whatever can be refused is refused here, before anything is durable.
import type { ClientCommand, NewEvent, ThreadId } from "@muster/contracts";
import { QUEUED_TURNS_MAX, storableText } from "@muster/contracts";
import type { Decision, DecisionContext } from "./context.ts";
import { refuse, requireWorkingNode } from "./context.ts";
import { giveUpRevert } from "./revert-ends.ts";
import { requireRunning, settleAndClear, settleAndContinue, startRequested } from "./settle.ts";
import type { ThreadState } from "./state.ts";

export type ThreadCommand = Extract<ClientCommand, { threadId: ThreadId }>;
type CommandOf<Type extends ThreadCommand["type"]> = Extract<ThreadCommand, { type: Type }>;

export function decideThread(state: ThreadState | null, command: ThreadCommand, context: DecisionContext): Decision {
  const events = eventsOf(state, command, context);
  return {
    events: events.map((event, index) => ({
      aggregateKind: "thread",
      streamId: command.threadId,
      event,
      ...(index > 0 ? { causedBy: index - 1 } : {}),
    })),
  };
}

function eventsOf(state: ThreadState | null, command: ThreadCommand, context: DecisionContext): NewEvent[] {
  if (command.type === "thread.create") return create(state, command, context);
  if (state === null || state.isDeleted || context.project === null || context.project.isDeleted)
    refuse("thread_not_found");
  switch (command.type) {
    case "thread.unarchive":
      return state.isArchived ? [{ eventType: "thread.unarchived", payload: {} }] : refuse("thread_not_archived");
    case "thread.delete":
      return [...settleAndClear(state, "thread_deleted", context), { eventType: "thread.deleted", payload: {} }];
    case "thread.approval.respond":
      return respond(state, command);
    case "thread.turn.interrupt":
      return interrupt(state, command, context);
    case "thread.session.stop":
      return [
        { eventType: "thread.session-stop-requested", payload: {} },
        ...settleAndClear(state, "session_stopped", context),
      ];
    default:
  }
  if (state.isArchived) refuse("thread_archived");
  switch (command.type) {
    case "thread.archive":
      return [...settleAndClear(state, "thread_archived", context), { eventType: "thread.archived", payload: {} }];
    case "thread.meta.update":
      return updateMeta(command);
    case "thread.turn.start":
      return startTurn(state, command, context);
    case "thread.turn.cancel-queued":
      if (!state.queue.some((queued) => queued.turnId === command.turnId)) refuse("turn_not_queued");
      return [{ eventType: "thread.turn-dequeued", payload: { turnId: command.turnId, reason: "cancelled" } }];
    case "thread.checkpoint.revert":
      return revert(state, command, context);
  }
}

function create(state: ThreadState | null, command: CommandOf<"thread.create">, context: DecisionContext): NewEvent[] {
  if (state !== null) refuse("thread_exists");
  if (context.project === null || context.project.isDeleted) refuse("project_not_found");
  const known = context.node?.providers ?? null;
  if (known !== null && !known.includes(command.provider)) {
    refuse("provider_unknown", `The node has no agent called ${command.provider}.`, {
      provider: command.provider,
      known: [...known],
    });
  }
  const { projectId, title, provider, branch, worktreePath, runtimeMode } = command;
  return [
    {
      eventType: "thread.created",
      payload: { projectId, title, provider, model: command.model ?? null, branch, worktreePath, runtimeMode },
    },
  ];
}

function updateMeta(command: CommandOf<"thread.meta.update">): NewEvent[] {
  const { title, model, runtimeMode, branch, worktreePath } = command;
  const payload = {
    ...(title === undefined ? {} : { title }),
    ...(model === undefined ? {} : { model }),
    ...(runtimeMode === undefined ? {} : { runtimeMode }),
    ...(branch === undefined ? {} : { branch }),
    ...(worktreePath === undefined ? {} : { worktreePath }),
  };
  if (Object.keys(payload).length === 0) {
    refuse(
      "validation_failed",
      "Name at least one field to change: title, model, runtimeMode, branch or worktreePath.",
    );
  }
  return [{ eventType: "thread.meta-updated", payload }];
}

function startTurn(state: ThreadState, command: CommandOf<"thread.turn.start">, context: DecisionContext): NewEvent[] {
  if (context.isTurnIdUsed || context.isMessageIdUsed) refuse("turn_exists");
  requireWorkingNode(context);
  if (context.node?.isReadOnly === true) refuse("version.floor_exceeded");
  if (state.reverting !== null) refuse("turn_in_progress", "A revert is under way on this thread.");
  const { turnId, message } = command;
  const turn = {
    turnId,
    messageId: message.messageId,
    model: command.model ?? state.model,
    effort: command.effort ?? null,
  };
  const sent: NewEvent = {
    eventType: "thread.message-sent",
    payload: {
      messageId: message.messageId,
      turnId,
      role: "user",
      offset: 0,
      text: storableText(message.text),
      attachments: message.attachments,
      isStreaming: false,
    },
  };
  if (state.running === null) return [sent, startRequested(state, turn)];
  if (command.whenBusy === "reject") refuse("turn_in_progress", undefined, { turnId: state.running.turnId });
  if (state.queue.length >= QUEUED_TURNS_MAX) refuse("turn_queue_full", undefined, { limit: QUEUED_TURNS_MAX });
  const position = (state.queue.at(-1)?.position ?? 0) + 1;
  return [sent, { eventType: "thread.turn-queued", payload: { ...turn, position } }];
}

/** A turn whose start never reached its node, or whose node is away, is settled by the hub itself; a revert always. */
function interrupt(
  state: ThreadState,
  command: CommandOf<"thread.turn.interrupt">,
  context: DecisionContext,
): NewEvent[] {
  if (state.running === null && state.reverting !== null && command.turnId === undefined)
    return giveUpRevert(state, "interrupted", context);
  const running = requireRunning(state, command.turnId);
  const requested: NewEvent = { eventType: "thread.turn-interrupt-requested", payload: { turnId: running.turnId } };
  if (!context.isStartUndelivered && context.node?.isOnline === true) return [requested];
  const reason = context.isStartUndelivered ? "interrupted_before_start" : "node_offline";
  return [requested, ...settleAndContinue(state, running, { status: "interrupted", reason, detail: null })];
}

function respond(state: ThreadState, command: CommandOf<"thread.approval.respond">): NewEvent[] {
  const pending = state.pendingApprovals.find((approval) => approval.requestId === command.requestId);
  if (pending === undefined) return refuse("approval_not_pending");
  return [
    {
      eventType: "thread.approval-response-requested",
      payload: { requestId: pending.requestId, turnId: pending.turnId, decision: command.decision },
    },
  ];
}

function revert(
  state: ThreadState,
  command: CommandOf<"thread.checkpoint.revert">,
  context: DecisionContext,
): NewEvent[] {
  if (state.running !== null || state.reverting !== null) refuse("turn_in_progress");
  requireWorkingNode(context);
  const { checkpoint } = context;
  if (checkpoint === null || !checkpoint.isReady) return refuse("checkpoint_not_ready");
  return [
    {
      eventType: "thread.checkpoint-revert-requested",
      payload: { turnCount: checkpoint.turnCount, checkpointRef: checkpoint.checkpointRef, mode: command.mode },
    },
  ];
}
