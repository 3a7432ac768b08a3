// The log read once, turn by turn: what happened to each turn, its text and its questions, and every step that no rule
// of the log allows. Checks compare this with what clients, agents and the daemon saw.
import type { MusterEvent, TurnId, WireEvent } from "@muster/contracts";
import { knownEvent } from "../../packages/hub/src/orchestration/event-log.ts";

export interface TurnStory {
  readonly turnId: string;
  readonly threadId: string;
  status: "queued" | "running" | "completed" | "interrupted" | "error" | "dequeued";
  reason: string | null;
  wasStarted: boolean;
  /** Pieces of the answer by message, in the order in which messages began. */
  readonly answers: Map<string, string>;
}

export interface QuestionStory {
  readonly requestId: string;
  readonly toolCallId: string | null;
  status: "pending" | "resolved" | "expired";
  decision: string | null;
}

export interface Story {
  readonly events: readonly MusterEvent[];
  readonly turns: ReadonlyMap<string, TurnStory>;
  readonly questions: ReadonlyMap<string, QuestionStory>;
  /** Threads whose revert never ended. */
  readonly reverting: ReadonlySet<string>;
  /** Steps that no rule allows, each under the name of the promise it breaks. */
  readonly faults: readonly {
    readonly promise: "turns" | "queue" | "approvals" | "texts" | "reverts";
    readonly what: string;
  }[];
}

class Reader {
  readonly turns = new Map<string, TurnStory>();
  readonly questions = new Map<string, QuestionStory>();
  readonly faults: Story["faults"][number][] = [];
  /** Threads with a revert under way. */
  readonly reverting = new Set<string>();
  readonly #queues = new Map<string, string[]>();
  readonly #running = new Map<string, string>();
  /** The turn that was taken out of the queue to be started next. */
  readonly #dequeued = new Map<string, string>();

  fault(promise: Story["faults"][number]["promise"], what: string): void {
    this.faults.push({ promise, what });
  }

  read(event: MusterEvent): void {
    const threadId = event.streamId;
    switch (event.eventType) {
      case "thread.turn-queued": {
        const { turnId } = event.payload;
        if (this.turns.has(turnId)) this.fault("turns", `turn ${turnId} was accepted twice`);
        this.#turn(turnId, threadId).status = "queued";
        this.#queue(threadId).push(turnId);
        return;
      }
      case "thread.turn-dequeued":
        this.#dequeue(threadId, event.payload.turnId, event.payload.reason);
        return;
      case "thread.turn-start-requested":
        this.#start(threadId, event.payload.turnId);
        return;
      case "thread.turn-settled":
        this.#settle(event.payload, threadId);
        return;
      case "thread.message-sent":
        if (event.payload.role === "assistant") this.#say(event.payload, threadId);
        return;
      case "thread.activity-appended":
        if (event.payload.kind === "approval.requested") this.#ask(event.payload.payload);
        return;
      case "thread.approval-response-requested":
        this.#close(event.payload.requestId, "resolved", event.payload.decision);
        return;
      case "thread.approval-expired":
        this.#close(event.payload.requestId, "expired", null);
        return;
      case "thread.checkpoint-revert-requested":
        if (this.reverting.has(threadId)) this.fault("reverts", `thread ${threadId} was to be reverted in a revert`);
        if (this.#running.has(threadId)) this.fault("reverts", `thread ${threadId} was to be reverted in a turn`);
        this.reverting.add(threadId);
        return;
      case "thread.reverted":
        if (!this.reverting.delete(threadId))
          this.fault("reverts", `thread ${threadId} was reverted, but not asked to be`);
        for (const turnId of event.payload.droppedTurnIds) {
          const turn = this.turns.get(turnId);
          if (turn?.status === "running") this.fault("turns", `turn ${turnId} was dropped by a revert while it ran`);
        }
        return;
      default:
    }
  }

  #start(threadId: string, turnId: TurnId): void {
    const turn = this.turns.get(turnId);
    const running = this.#running.get(threadId);
    if (running !== undefined) this.fault("turns", `turn ${turnId} was started while ${running} ran`);
    if (turn?.wasStarted === true) this.fault("turns", `turn ${turnId} was started twice`);
    const next = this.#dequeued.get(threadId);
    if (turn !== undefined && next !== turnId) this.fault("queue", `turn ${turnId} started, but ${next} was next`);
    if (turn === undefined && this.#queue(threadId).length > 0)
      this.fault("queue", `turn ${turnId} was started past ${this.#queue(threadId).length} that waited`);
    this.#dequeued.delete(threadId);
    const story = this.#turn(turnId, threadId);
    story.status = "running";
    story.wasStarted = true;
    this.#running.set(threadId, turnId);
  }

  #settle(payload: Extract<MusterEvent, { eventType: "thread.turn-settled" }>["payload"], threadId: string): void {
    const { turnId, status, reason, expiredRequestIds } = payload;
    const turn = this.turns.get(turnId);
    if (turn?.status !== "running")
      this.fault("turns", `turn ${turnId} was settled while it was ${turn?.status ?? "unknown"}`);
    const story = this.#turn(turnId, threadId);
    story.status = status;
    story.reason = reason;
    if (this.#running.get(threadId) === turnId) this.#running.delete(threadId);
    for (const requestId of expiredRequestIds) this.#close(requestId, "expired", null);
  }

  #dequeue(threadId: string, turnId: string, reason: string): void {
    const queue = this.#queue(threadId);
    const index = queue.indexOf(turnId);
    if (index < 0) this.fault("queue", `turn ${turnId} left a queue that it was not in`);
    else queue.splice(index, 1);
    if (reason === "started") {
      if (index > 0) this.fault("queue", `turn ${turnId} overtook ${index} in the queue`);
      this.#dequeued.set(threadId, turnId);
    } else this.#turn(turnId, threadId).status = "dequeued";
  }

  #say(payload: Extract<MusterEvent, { eventType: "thread.message-sent" }>["payload"], threadId: string): void {
    const { turnId, messageId, offset, text } = payload;
    if (turnId === null) return;
    const { answers } = this.#turn(turnId, threadId);
    const before = answers.get(messageId) ?? "";
    if (offset !== before.length)
      this.fault("texts", `message ${messageId} goes on at ${offset}, but has ${before.length} characters`);
    answers.set(messageId, before.slice(0, offset) + text);
  }

  #ask(payload: Readonly<Record<string, unknown>>): void {
    const requestId = String(payload["requestId"]);
    if (this.questions.has(requestId)) this.fault("approvals", `question ${requestId} was asked twice`);
    const tool = payload["tool"] as { itemId?: string } | undefined;
    this.questions.set(requestId, { requestId, toolCallId: tool?.itemId ?? null, status: "pending", decision: null });
  }

  #close(requestId: string, status: "resolved" | "expired", decision: string | null): void {
    const question = this.questions.get(requestId);
    if (question === undefined) {
      this.fault("approvals", `question ${requestId} was ${status} and never asked`);
      return;
    }
    if (question.status !== "pending")
      this.fault("approvals", `question ${requestId} was ${status} when it was ${question.status}`);
    question.status = status;
    question.decision = decision;
  }

  #queue(threadId: string): string[] {
    const queue = this.#queues.get(threadId) ?? [];
    this.#queues.set(threadId, queue);
    return queue;
  }

  #turn(turnId: string, threadId: string): TurnStory {
    const known = this.turns.get(turnId);
    if (known !== undefined) return known;
    const story: TurnStory = {
      turnId,
      threadId,
      status: "running",
      reason: null,
      wasStarted: false,
      answers: new Map(),
    };
    this.turns.set(turnId, story);
    return story;
  }
}

export function readStory(events: readonly WireEvent[]): Story {
  const reader = new Reader();
  const known = events.map(knownEvent).filter((event) => event !== null);
  for (const event of known) reader.read(event);
  const { turns, questions, reverting, faults } = reader;
  return { events: known, turns, questions, reverting, faults };
}
