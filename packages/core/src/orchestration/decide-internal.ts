// Decides what nodes report and what the hub does by itself. Pure. A node speaks only for threads of its own projects, as
// far as its session still hears it;
// what comes after a turn has ended is kept as text and activities and never changes the terminal status.
import { type InternalCommand, type NewEvent, storableText, type TurnId } from "@muster/contracts";
import type { Decision, DecisionContext, Reporter } from "./context.ts";
import { refuse } from "./context.ts";
import { completeRevert } from "./revert-ends.ts";
import { requireRunning, settleAndContinue } from "./settle.ts";
import type { ThreadState } from "./state.ts";
import { openedApproval } from "./state.ts";

type CommandOf<Type extends InternalCommand["type"]> = Extract<InternalCommand, { type: Type }>;

export function decideInternal(
  state: ThreadState | null,
  command: InternalCommand,
  context: DecisionContext,
): Decision {
  if (state === null || context.project === null) return refuse("thread_not_found");
  if (context.actor.kind === "client") refuse("permission_denied");
  if (context.actor.kind === "provider" && context.actor.nodeId !== context.project.nodeId) refuse("permission_denied");
  if (context.actor.kind === "provider") refuseUnheard(state, command, context.reporter);
  const events = eventsOf(state, command, context);
  return {
    events: events.map((event, index) => ({
      aggregateKind: "thread",
      streamId: command.threadId,
      event,
      ...(index > 0 ? { causedBy: index - 1 } : {}),
    })),
    ...(command.type === "thread.turn.diff.complete" && command.turnCount > 0
      ? {
          diffBlob: {
            threadId: command.threadId,
            fromTurnCount: command.turnCount - 1,
            toTurnCount: command.turnCount,
            diff: storableText(command.diff),
            truncated: command.truncated,
          },
        }
      : {}),
  };
}

/**
 * A suspended node ends what it was given before, and nothing else: the newest turn, whose checkpoint and diff may come after
 * its end, and the revert that its thread waits for.
 */
function refuseUnheard(state: ThreadState, command: InternalCommand, reporter: Reporter): void {
  if (reporter === "heard") return;
  if (reporter === "revoked") refuse("runtimenode.attach_revoked");
  if (command.type === "thread.revert.complete" ? state.reverting !== null : isOfLatestTurn(state, command)) return;
  refuse("runtimenode.permission_denied", "The node is suspended: it is heard on the newest turn only.");
}

function isOfLatestTurn(state: ThreadState, command: InternalCommand): boolean {
  if (command.type === "thread.session.set" && command.activeTurnId === null) return true;
  return state.latestTurnId !== null && turnOf(state, command) === state.latestTurnId;
}

function turnOf({ pendingApprovals }: ThreadState, command: InternalCommand): TurnId | null {
  if (command.type === "thread.session.set") return command.activeTurnId;
  if (command.type === "thread.approval.expire")
    return pendingApprovals.find(({ requestId }) => requestId === command.requestId)?.turnId ?? null;
  return "turnId" in command ? command.turnId : null;
}

function eventsOf(state: ThreadState, command: InternalCommand, context: DecisionContext): NewEvent[] {
  switch (command.type) {
    case "thread.session.set":
      return setSession(state, command);
    case "thread.message.assistant.delta":
      return appendText(state, command, true, context);
    case "thread.message.assistant.complete":
      return appendText(state, command, false, context);
    case "thread.turn.diff.complete":
      return completeDiff(state, command, context);
    case "thread.activity.append":
      return appendActivity(state, command, context);
    case "thread.turn.settle": {
      const { turnId, status, reason, detail } = command;
      if (state.running?.turnId !== turnId) refuse("turn_settled");
      return settleAndContinue(state, requireRunning(state, turnId), { status, reason, detail });
    }
    case "thread.revert.complete":
      return completeRevert(state, command, context);
    case "thread.approval.expire": {
      const { requestId, reason } = command;
      if (!state.pendingApprovals.some((approval) => approval.requestId === requestId)) refuse("approval_not_pending");
      return [{ eventType: "thread.approval-expired", payload: { requestId, reason } }];
    }
  }
}

/** What a node says of a turn that has ended here must not look as if it still ran. */
function setSession(state: ThreadState, command: CommandOf<"thread.session.set">): NewEvent[] {
  const { type: _type, threadId: _threadId, ...said } = command;
  if (said.activeTurnId === null || said.activeTurnId === state.running?.turnId)
    return [{ eventType: "thread.session-set", payload: said }];
  const status = said.status === "running" || said.status === "starting" ? "ready" : said.status;
  return [{ eventType: "thread.session-set", payload: { ...said, status, activeTurnId: null } }];
}

/** Persisted text goes in exactly at the end of what is stored: an overlap is trimmed, a hole is refused. */
function appendText(
  state: ThreadState,
  command: CommandOf<"thread.message.assistant.delta"> | CommandOf<"thread.message.assistant.complete">,
  isStreaming: boolean,
  context: DecisionContext,
): NewEvent[] {
  const { messageId, turnId, offset } = command;
  const stored = state.messages.find((message) => message.messageId === messageId) ?? context.storedMessage;
  const length = stored?.length ?? 0;
  if (stored === null ? context.isMessageIdUsed : stored.turnId !== turnId)
    refuse("turn_settled", "The message belongs to another turn, or was dropped with its turn.");
  const isRunning = state.running?.turnId === turnId;
  if (stored === null && !isRunning && !context.hasTurnStarted) refuse("turn_not_found");
  if (offset > length) refuse("ingest_beyond_text", undefined, { stored: length, offset });
  // After the cut: it may have left half of a pair.
  const text = storableText(command.text.slice(length - offset));
  // A message that has ended, by itself or with its turn, takes late text but never streams again.
  const stays = isStreaming && stored?.isStreaming !== false && isRunning;
  if (text === "" && (stored === null || stays === stored.isStreaming))
    refuse("turn_settled", "Nothing new: the text is stored already.");
  return [
    {
      eventType: "thread.message-sent",
      payload: { messageId, turnId, role: "assistant", offset: length, text, attachments: [], isStreaming: stays },
    },
  ];
}

function completeDiff(
  state: ThreadState,
  command: CommandOf<"thread.turn.diff.complete">,
  { assistantMessageId }: DecisionContext,
): NewEvent[] {
  const { turnId, turnCount, checkpointRef, status, files, truncated } = command;
  if (turnCount > state.turnCount) refuse("turn_not_found", "The checkpoint counts more turns than the thread has.");
  // Turn counts are used again after a revert: what a dropped turn left behind must not pass for its successor's.
  if (turnCount > 0 && turnCount === state.turnCount && turnId !== state.latestTurnId)
    refuse("turn_not_found", "Another turn has that count.");
  return [
    {
      eventType: "thread.turn-diff-completed",
      payload: { turnId, turnCount, checkpointRef, status, files, truncated, assistantMessageId },
    },
  ];
}

function appendActivity(
  state: ThreadState,
  command: CommandOf<"thread.activity.append">,
  { isRequestIdUsed }: DecisionContext,
): NewEvent[] {
  const { turnId, tone, kind, summary, payload } = command;
  const opened = openedApproval({ turnId, tone, kind, summary, payload });
  // An approval of a turn that has ended could never be answered, so it is not opened.
  if (opened !== null && state.running?.turnId !== opened.turnId) refuse("turn_settled");
  if (opened !== null && isRequestIdUsed) refuse("approval_not_pending", "An approval with that id was opened before.");
  return [{ eventType: "thread.activity-appended", payload: { turnId, tone, kind, summary, payload } }];
}
