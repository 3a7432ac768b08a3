// The life of a turn as a table: every state of a turn against everything that can come. A missing cell does not
// compile, a wrong one is red.
import type { NewEvent } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import {
  command,
  complete,
  decideClient,
  decideReport,
  ended,
  event,
  foldThread,
  id,
  queued,
  said,
  settle,
  started,
  startTurn,
  threadCreated,
} from "../testing/index.ts";

type TurnState = "absent" | "queued" | "running" | "completed" | "interrupted" | "error" | "cancelled";
type Coming = "start again" | "interrupt" | "cancel" | "settle" | "late text";

const cancelled = event("thread.turn-dequeued", { turnId: id.turn("turn"), reason: "cancelled" });
const HISTORIES: Record<TurnState, readonly NewEvent[]> = {
  absent: [threadCreated],
  queued: [threadCreated, started("first"), queued("turn", 1)],
  running: [threadCreated, started("turn"), said("answer", 0, "text", "turn")],
  completed: [threadCreated, started("turn"), said("answer", 0, "text", "turn"), ended("turn", "completed")],
  interrupted: [threadCreated, started("turn"), said("answer", 0, "text", "turn"), ended("turn", "interrupted")],
  error: [threadCreated, started("turn"), said("answer", 0, "text", "turn"), ended("turn", "error")],
  cancelled: [threadCreated, started("first"), queued("turn", 1), cancelled],
};

/** What each meets: the code of the refusal, or the types of the events. */
const TABLE: Record<TurnState, Record<Coming, string>> = {
  absent: {
    "start again": "message-sent turn-start-requested",
    interrupt: "turn_not_running",
    cancel: "turn_not_queued",
    settle: "turn_settled",
    "late text": "turn_not_found",
  },
  queued: {
    "start again": "turn_exists",
    interrupt: "turn_not_running",
    cancel: "turn-dequeued",
    settle: "turn_settled",
    "late text": "turn_not_found",
  },
  running: {
    "start again": "turn_exists",
    interrupt: "turn-interrupt-requested",
    cancel: "turn_not_queued",
    settle: "turn-settled",
    "late text": "message-sent",
  },
  completed: {
    "start again": "turn_exists",
    interrupt: "turn_not_running",
    cancel: "turn_not_queued",
    settle: "turn_settled",
    "late text": "message-sent",
  },
  interrupted: {
    "start again": "turn_exists",
    interrupt: "turn_not_running",
    cancel: "turn_not_queued",
    settle: "turn_settled",
    "late text": "message-sent",
  },
  error: {
    "start again": "turn_exists",
    interrupt: "turn_not_running",
    cancel: "turn_not_queued",
    settle: "turn_settled",
    "late text": "message-sent",
  },
  cancelled: {
    "start again": "turn_exists",
    interrupt: "turn_not_running",
    cancel: "turn_not_queued",
    settle: "turn_settled",
    "late text": "turn_not_found",
  },
};

const come = (state: TurnState, coming: Coming) => {
  const given = HISTORIES[state];
  const facts = { isTurnIdUsed: state !== "absent", isMessageIdUsed: false };
  const hasText = given.some(({ eventType }) => eventType === "thread.message-sent");
  const storedMessage = { messageId: id.message("answer"), turnId: id.turn("turn"), length: 4, isStreaming: false };
  switch (coming) {
    case "start again":
      return decideClient(given, startTurn("turn"), facts);
    case "interrupt":
      return decideClient(given, command("thread.turn.interrupt", { threadId: "thread", turnId: "turn" }));
    case "cancel":
      return decideClient(given, command("thread.turn.cancel-queued", { threadId: "thread", turnId: "turn" }));
    case "settle":
      return decideReport(given, settle("turn", { status: "error" }));
    case "late text":
      return hasText
        ? decideReport(given, complete(4, " more"), { storedMessage })
        : decideReport(given, complete(0, "text"));
  }
};

const cells = (Object.keys(TABLE) as TurnState[]).flatMap((state) =>
  (Object.entries(TABLE[state]) as [Coming, string][]).map(([coming, outcome]) => ({ state, coming, outcome })),
);

describe("the life of a turn", () => {
  it.each(cells)("$state meets $coming: $outcome (ORC-17, ORC-18, ORC-19)", ({ state, coming, outcome }) => {
    const { refused, types } = come(state, coming);
    expect(refused ?? types.map((type) => type.replace("thread.", "")).join(" ")).toBe(outcome);
  });

  it.each(cells)("$state after $coming has at most one running turn (ORC-19)", ({ state, coming }) => {
    const before = foldThread(HISTORIES[state]);
    const after = foldThread([...HISTORIES[state], ...come(state, coming).events]);
    const ended = state === "completed" || state === "interrupted" || state === "error";
    if (ended) expect(after?.running).toEqual(before?.running);
    expect(after?.queue.some(({ turnId }) => turnId === after.running?.turnId)).toBe(false);
  });
});
