// Histories of a thread that tests start from.
import type { NewEvent, TurnTerminalStatus } from "@muster/contracts";
import { id } from "./commands.ts";
import { event, threadCreated } from "./given.ts";

export const started = (name: string, turnCount = 1): NewEvent =>
  event("thread.turn-start-requested", {
    turnId: id.turn(name),
    messageId: id.message(`${name}-message`),
    turnCount,
    model: null,
    effort: null,
  });

export const queued = (name: string, position: number): NewEvent =>
  event("thread.turn-queued", {
    turnId: id.turn(name),
    messageId: id.message(`${name}-message`),
    model: null,
    effort: null,
    position,
  });

export const ended = (name: string, status: TurnTerminalStatus = "completed"): NewEvent =>
  event("thread.turn-settled", {
    turnId: id.turn(name),
    status,
    reason: null,
    detail: null,
    completedMessageIds: [],
    expiredRequestIds: [],
  });

export const said = (name: string, offset: number, text: string, turn: string, isStreaming = true): NewEvent =>
  event("thread.message-sent", {
    messageId: id.message(name),
    turnId: id.turn(turn),
    role: "assistant",
    offset,
    text,
    attachments: [],
    isStreaming,
  });

export const runningTurn = (name: string): NewEvent[] => [threadCreated, started(name)];
export const settledTurn = (name: string): NewEvent[] => [...runningTurn(name), ended(name)];
export const QUEUE_OF = (count: number): NewEvent[] =>
  Array.from({ length: count }, (_, index) => queued(`queued-${index}`, index + 1));
