// What a batch has written so far that later work of the same batch asks about and no database can tell yet: ids that
// were used, and how far the messages of ended turns have grown.
import type { ApprovalRequestId, MessageId, ThreadId, TurnId } from "@muster/contracts";
import { type AssistantMessage, type DecidedEvent, openedApproval } from "@muster/core";

interface Trace {
  readonly threadId: string;
  readonly turnId: TurnId;
  readonly length: number;
}

export class BatchTraces {
  readonly #turns = new Set<TurnId>();
  /** Started or, by a revert, dropped. */
  readonly #starts = new Map<TurnId, boolean>();
  readonly #messages = new Set<MessageId>();
  readonly #requests = new Set<ApprovalRequestId>();
  /** null: dropped by a revert. */
  readonly #texts = new Map<MessageId, Trace | null>();
  readonly #assistantMessages = new Map<TurnId, MessageId>();

  follow({ streamId, event }: DecidedEvent): void {
    if (event.eventType === "thread.turn-start-requested" || event.eventType === "thread.turn-queued") {
      this.#turns.add(event.payload.turnId);
      if (event.eventType === "thread.turn-start-requested") this.#starts.set(event.payload.turnId, true);
    } else if (event.eventType === "thread.message-sent") {
      const { messageId, turnId, role, offset, text } = event.payload;
      this.#messages.add(messageId);
      if (role !== "assistant" || turnId === null) return;
      this.#texts.set(messageId, { threadId: streamId, turnId, length: offset + text.length });
      if (offset === 0) this.#assistantMessages.set(turnId, messageId);
    } else if (event.eventType === "thread.activity-appended") {
      const opened = openedApproval(event.payload);
      if (opened !== null) this.#requests.add(opened.requestId);
    } else if (event.eventType === "thread.reverted") {
      for (const messageId of event.payload.droppedMessageIds) this.#texts.set(messageId, null);
      for (const turnId of event.payload.droppedTurnIds) this.#starts.set(turnId, false);
    }
  }

  hasTurn(turnId: TurnId): boolean {
    return this.#turns.has(turnId);
  }

  /** Whether this batch has started or dropped the turn; undefined: neither. */
  hasStarted(turnId: TurnId): boolean | undefined {
    return this.#starts.get(turnId);
  }

  hasMessage(messageId: MessageId): boolean {
    return this.#messages.has(messageId);
  }

  hasRequest(requestId: ApprovalRequestId): boolean {
    return this.#requests.has(requestId);
  }

  /** An assistant message of a turn that no longer runs: as this batch has left it, null where it dropped it. */
  message(threadId: ThreadId, messageId: MessageId): AssistantMessage | null | undefined {
    const trace = this.#texts.get(messageId);
    if (trace === undefined || trace === null) return trace;
    if (trace.threadId !== threadId) return null;
    return { messageId, turnId: trace.turnId, length: trace.length, isStreaming: false };
  }

  /** The assistant message of the turn that began last, if it began in this batch. */
  assistantMessageOf(turnId: TurnId): MessageId | null {
    return this.#assistantMessages.get(turnId) ?? null;
  }
}
