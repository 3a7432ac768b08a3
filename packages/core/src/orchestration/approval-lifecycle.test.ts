// The life of an approval as a table: every state of the question against everything that can come. A question is
// answered or expires once, and never opens again.
import type { ApprovalRequestId, NewEvent } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import {
  askApproval,
  command,
  decideClient,
  decideReport,
  event,
  foldThread,
  id,
  internal,
  type Outcome,
  settle,
  started,
  threadCreated,
} from "../testing/index.ts";

type ApprovalLife = "never asked" | "pending" | "answered" | "expired alone" | "expired with its turn";
type Coming = "an answer" | "its expiry" | "the question again" | "the end of its turn" | "a stop of the session";

const requestId = "request" as ApprovalRequestId;
const running = [threadCreated, started("turn")];
const pending = [
  ...running,
  event("thread.activity-appended", {
    turnId: id.turn("turn"),
    tone: "approval",
    kind: "approval.requested",
    summary: "May I?",
    payload: { requestId },
  }),
];
const HISTORIES: Record<ApprovalLife, readonly NewEvent[]> = {
  "never asked": running,
  pending,
  answered: [
    ...pending,
    event("thread.approval-response-requested", { requestId, turnId: id.turn("turn"), decision: "accept" }),
  ],
  "expired alone": [...pending, event("thread.approval-expired", { requestId, reason: "provider_gone" })],
  "expired with its turn": [
    ...pending,
    event("thread.turn-settled", {
      turnId: id.turn("turn"),
      status: "error",
      reason: null,
      detail: null,
      completedMessageIds: [],
      expiredRequestIds: [requestId],
    }),
  ],
};

const come = (life: ApprovalLife, coming: Coming): Outcome => {
  const given = HISTORIES[life];
  switch (coming) {
    case "an answer":
      return decideClient(
        given,
        command("thread.approval.respond", { threadId: "thread", requestId, decision: "accept" }),
      );
    case "its expiry":
      return decideReport(given, internal("thread.approval.expire", { requestId, reason: "provider_gone" }));
    case "the question again":
      return decideReport(given, askApproval(requestId), { isRequestIdUsed: life !== "never asked" });
    case "the end of its turn":
      return decideReport(given, settle("turn"));
    case "a stop of the session":
      return decideClient(given, command("thread.session.stop", { threadId: "thread" }));
  }
};

/** The code of the refusal, or the events; `expires` where the question ends with its turn. */
const TABLE: Record<ApprovalLife, Record<Coming, string>> = {
  "never asked": {
    "an answer": "approval_not_pending",
    "its expiry": "approval_not_pending",
    "the question again": "activity-appended",
    "the end of its turn": "turn-settled",
    "a stop of the session": "session-stop-requested turn-settled",
  },
  pending: {
    "an answer": "approval-response-requested",
    "its expiry": "approval-expired",
    "the question again": "approval_not_pending",
    "the end of its turn": "turn-settled expires",
    "a stop of the session": "session-stop-requested turn-settled expires",
  },
  answered: {
    "an answer": "approval_not_pending",
    "its expiry": "approval_not_pending",
    "the question again": "approval_not_pending",
    "the end of its turn": "turn-settled",
    "a stop of the session": "session-stop-requested turn-settled",
  },
  "expired alone": {
    "an answer": "approval_not_pending",
    "its expiry": "approval_not_pending",
    "the question again": "approval_not_pending",
    "the end of its turn": "turn-settled",
    "a stop of the session": "session-stop-requested turn-settled",
  },
  "expired with its turn": {
    "an answer": "approval_not_pending",
    "its expiry": "approval_not_pending",
    "the question again": "turn_settled",
    "the end of its turn": "turn_settled",
    "a stop of the session": "session-stop-requested",
  },
};

const shown = ({ refused, events }: Outcome): string =>
  refused ??
  events
    .map((one) => {
      const expires = one.eventType === "thread.turn-settled" && one.payload.expiredRequestIds.includes(requestId);
      return `${one.eventType.replace("thread.", "")}${expires ? " expires" : ""}`;
    })
    .join(" ");

const cells = (Object.keys(TABLE) as ApprovalLife[]).flatMap((life) =>
  (Object.entries(TABLE[life]) as [Coming, string][]).map(([coming, outcome]) => ({ life, coming, outcome })),
);

describe("the life of an approval", () => {
  it.each(cells)("$life meets $coming: $outcome (ORC-18, ORC-31)", ({ life, coming, outcome }) => {
    expect(shown(come(life, coming))).toBe(outcome);
  });

  it.each(cells)("$life after $coming is pending only while its turn runs (ORC-31)", ({ life, coming }) => {
    const after = foldThread([...HISTORIES[life], ...come(life, coming).events]);
    for (const approval of after?.pendingApprovals ?? []) expect(approval.turnId).toBe(after?.running?.turnId);
  });
});
