// Decides what nodes report and what the hub does by itself. Pure. A node speaks only for threads of its own projects;
// what comes after a turn has ended is kept as text and activities and never changes the terminal status.
import { type InternalCommand, type NewEvent, storableText } from "@muster/contracts";
import type { Decision, DecisionContext } from "./context.ts";
import { refuse } from "./context.ts";
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

function completeRevert(
  state: ThreadState,
  command: CommandOf<"thread.revert.complete">,
  context: DecisionContext,
): NewEvent[] {
  const { turnCount, mode, safetyRef, files, error } = command;
  if (context.isLateRevert) return [lateRevert(command)];
  if (state.reverting?.turnCount !== turnCount || state.reverting.mode !== mode)
    refuse("turn_settled", "No such revert is under way.");
  const drops = error === null && mode !== "files";
  const events: NewEvent[] = [];
  if (drops)
    for (const { turnId } of state.queue)
      events.push({ eventType: "thread.turn-dequeued", payload: { turnId, reason: "reverted" } });
  events.push({
    eventType: "thread.reverted",
    payload: {
      turnCount,
      mode,
      safetyRef,
      files,
      droppedTurnIds: drops ? [...context.afterRevert.turnIds] : [],
      droppedMessageIds: drops ? [...context.afterRevert.messageIds] : [],
      latestTurnId: drops ? context.afterRevert.latestTurnId : state.latestTurnId,
      error,
    },
  });
  events.push(toldRevert(command));
  return events;
}

/** Files of a revert that its activity names; the event has them all. */
const TOLD_FILES_MAX = 200;

/** What became of a revert, for whoever opens the thread later. No agent can be told to forget, so it starts anew. */
function toldRevert({ turnCount, mode, safetyRef, files, error }: CommandOf<"thread.revert.complete">): NewEvent {
  const count = (...outcomes: readonly string[]) => files.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const where = turnCount === 0 ? "before the first turn" : `after turn ${turnCount}`;
  const [kept, failed] = [count("kept"), count("failed")];
  const parts = [
    ...(mode === "conversation" ? [] : [`${count("restored", "deleted")} files changed back`]),
    ...(kept === 0 ? [] : [`${kept} kept as they are`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(mode === "files" ? [] : ["the agent starts a new conversation and is told what was kept of this one"]),
  ];
  return {
    eventType: "thread.activity-appended",
    payload: {
      turnId: null,
      tone: error === null ? "info" : "error",
      kind: error === null ? "revert.done" : "revert.failed",
      summary:
        error === null
          ? `Went back to the state ${where}: ${parts.join(", ")}`
          : `Nothing was taken back to the state ${where}: ${error}`.slice(0, 1_024),
      payload: { turnCount, mode, safetyRef, files: files.slice(0, TOLD_FILES_MAX), fileCount: files.length, error },
    },
  };
}

export const LATE_REVERT_KIND = "revert.late";

/** Files have changed on the machine though the thread had stopped waiting: it says so, and nothing else of it changes. */
function lateRevert({ turnCount, mode, safetyRef, files }: CommandOf<"thread.revert.complete">): NewEvent {
  const changed = files.filter(({ outcome }) => outcome === "restored" || outcome === "deleted").length;
  return {
    eventType: "thread.activity-appended",
    payload: {
      turnId: null,
      tone: "info",
      kind: LATE_REVERT_KIND,
      summary: `The revert that was given up went through on the machine after all: ${changed} files changed back`,
      payload: { turnCount, mode, safetyRef, files },
    },
  };
}
