// How a turn ends: with one terminal status, once, together with what hung on it (streaming messages, approvals)
// and with the start of the next queued turn or the clearing of the queue.
import type { NewEvent, TurnTerminalStatus } from "@muster/contracts";
import type { DecisionContext } from "./context.ts";
import { refuse } from "./context.ts";
import { giveUpRevert } from "./revert-ends.ts";
import type { QueuedTurn, RunningTurn, ThreadState } from "./state.ts";

export interface Ending {
  readonly status: TurnTerminalStatus;
  readonly reason: string | null;
  readonly detail: string | null;
}

/** The fact that ends the running turn. */
export function settled(state: ThreadState, running: RunningTurn, ending: Ending): NewEvent {
  return {
    eventType: "thread.turn-settled",
    payload: {
      turnId: running.turnId,
      ...ending,
      completedMessageIds: state.messages.filter((message) => message.isStreaming).map((message) => message.messageId),
      expiredRequestIds: state.pendingApprovals
        .filter((approval) => approval.turnId === running.turnId)
        .map((approval) => approval.requestId),
    },
  };
}

/** Ends the running turn and starts the oldest waiting one in the same append. */
export function settleAndContinue(state: ThreadState, running: RunningTurn, ending: Ending): NewEvent[] {
  const events = [settled(state, running, ending)];
  const next = state.queue[0];
  if (next !== undefined && !state.isArchived && !state.isDeleted) {
    events.push({ eventType: "thread.turn-dequeued", payload: { turnId: next.turnId, reason: "started" } });
    events.push(startRequested(state, next));
  }
  return events;
}

export function startRequested(state: ThreadState, turn: Omit<QueuedTurn, "position">): NewEvent {
  const { turnId, messageId, model, effort } = turn;
  return {
    eventType: "thread.turn-start-requested",
    payload: { turnId, messageId, turnCount: state.turnCount + 1, model, effort },
  };
}

/** Ends the running turn `interrupted`, gives up a revert and drops what waits: stop, archive and delete. */
export function settleAndClear(
  state: ThreadState,
  reason: string,
  context: Pick<DecisionContext, "isRevertUndelivered">,
): NewEvent[] {
  const events: NewEvent[] = [...giveUpRevert(state, reason, context)];
  if (state.running !== null)
    events.push(settled(state, state.running, { status: "interrupted", reason, detail: null }));
  for (const { turnId } of state.queue)
    events.push({ eventType: "thread.turn-dequeued", payload: { turnId, reason: "stopped" } });
  return events;
}

/** The running turn, if it is the one meant; otherwise refused. */
export function requireRunning(state: ThreadState, turnId: string | undefined): RunningTurn {
  const { running } = state;
  if (running === null || (turnId !== undefined && running.turnId !== turnId)) return refuse("turn_not_running");
  return running;
}
