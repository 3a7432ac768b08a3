// What is left of payloads, and what is never left.
import { EVENT_PAYLOADS, EVENT_TYPES } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { fingerprint, sha256Hex } from "./fingerprint.ts";
import { openedApproval } from "./orchestration/state.ts";
import { digestOf, prunedActivity, stubOf } from "./retention.ts";

const activity = (kind: string, payload: object) => ({
  turnId: "turn",
  tone: "tool",
  kind,
  summary: "Read a file",
  payload,
});
const question = { requestId: "question", kind: "command", title: "May I?", tool: { output: "secret" }, options: [] };

describe("an activity of an archived thread", () => {
  it("keeps kind and summary, and of its details nothing but their digest (ORC-36)", () => {
    const details = { output: "secret", itemId: "item" };
    expect(prunedActivity(activity("tool.completed", details))).toEqual(
      activity("tool.completed", { pruned: true, digest: fingerprint(details) }),
    );
  });

  it("is pruned once, and not at all where there is nothing to take", () => {
    const once = prunedActivity(activity("tool.completed", { output: "secret" }));
    expect(prunedActivity(once ?? {})).toBeNull();
    expect(prunedActivity(activity("tool.completed", {}))).toBeNull();
  });

  it("is pruned whatever its node wrote into it, also the mark itself", () => {
    const details = { pruned: true, digest: "mine", output: "secret" };
    expect(JSON.stringify(prunedActivity(activity("tool.completed", details)))).not.toContain("secret");
  });

  it("that asked a question keeps what was asked, not what it was about", () => {
    const pruned = prunedActivity(activity("approval.requested", question)) as Parameters<typeof openedApproval>[0];
    expect(openedApproval(pruned)).toEqual({ requestId: "question", turnId: "turn" });
    expect(pruned.payload).toMatchObject({ title: "May I?", options: [], digest: fingerprint(question) });
    expect(JSON.stringify(pruned)).not.toContain("secret");
  });
});

/** A payload of each type that holds "secret" wherever people's words may stand. */
const SECRETS: Readonly<Record<string, Record<string, unknown>>> = {
  "thread.created": {
    projectId: "project",
    title: "secret",
    provider: "sample",
    model: "secret",
    branch: "secret",
    worktreePath: "/secret",
    runtimeMode: "full-access",
  },
  "thread.meta-updated": { title: "secret", model: "secret", branch: null, runtimeMode: "full-access" },
  "thread.message-sent": {
    messageId: "message",
    turnId: "turn",
    role: "user",
    offset: 0,
    text: "secret",
    attachments: [{ name: "secret", mediaType: "text/plain", text: "secret" }],
    isStreaming: false,
  },
  "thread.turn-settled": {
    turnId: "turn",
    status: "error",
    reason: "agent_died",
    detail: "secret",
    completedMessageIds: ["message"],
    expiredRequestIds: ["question"],
  },
  "thread.reverted": {
    turnCount: 1,
    mode: "both",
    safetyRef: null,
    files: [{ path: "secret", outcome: "restored" }],
    droppedTurnIds: ["turn"],
    droppedMessageIds: ["message"],
    latestTurnId: null,
    error: null,
  },
  "thread.session-set": {
    status: "error",
    providerName: "sample",
    providerSessionId: null,
    providerThreadId: "theirs",
    activeTurnId: null,
    lastError: "secret",
  },
  "thread.turn-diff-completed": {
    turnId: "turn",
    turnCount: 1,
    checkpointRef: "refs/muster/checkpoints/thread/turn/1",
    status: "ready",
    files: [{ path: "secret", status: "modified", additions: 1, deletions: 1, binary: false }],
    truncated: false,
    assistantMessageId: "message",
  },
  "thread.activity-appended": { ...activity("approval.requested", question), summary: "secret" },
};

describe("a stub of a removed thread's event", () => {
  it.each(Object.entries(SECRETS))(
    "of type %s is read as its event and holds none of its content (ORC-36)",
    (type, payload) => {
      const schema = EVENT_PAYLOADS[type as keyof typeof EVENT_PAYLOADS];
      expect(schema.safeParse(payload).success).toBe(true);
      const stub = stubOf(type, payload, JSON.stringify(payload));
      expect(schema.parse(stub)).toEqual(stub);
      expect(JSON.stringify(stub)).not.toContain("secret");
      expect(stub).toMatchObject({ pruned: true, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
      // Whoever looks for stubs in the database looks at their beginning.
      expect(JSON.stringify(stub)).toMatch(/^\{"pruned":true,"digest":"/);
      for (const id of ["turnId", "messageId", "turnCount", "projectId"])
        expect((stub as Record<string, unknown>)[id]).toEqual(payload[id]);
      expect(stubOf(type, stub, "")).toBeNull();
    },
  );

  it("stands for what was there: its digest is that of the payload", () => {
    const payload = SECRETS["thread.message-sent"] ?? {};
    expect(stubOf("thread.message-sent", payload, "")).toMatchObject({ digest: fingerprint(payload) });
  });

  it("is the same whether an activity was pruned before or not", () => {
    const payload = activity("approval.requested", question);
    expect(stubOf("thread.activity-appended", prunedActivity(payload), "")).toEqual(
      stubOf("thread.activity-appended", payload, ""),
    );
  });

  it("opens no question, so that no row of it comes back", () => {
    const stub = stubOf("thread.activity-appended", activity("approval.requested", question), "");
    expect(openedApproval(stub as Parameters<typeof openedApproval>[0])).toBeNull();
  });

  it("leaves events alone that hold ids, counts and states only", () => {
    for (const type of EVENT_TYPES.filter((each) => !(each in SECRETS)))
      expect(stubOf(type, { any: "id" }, "")).toBeNull();
    const settled = { ...SECRETS["thread.turn-settled"], detail: null };
    expect(stubOf("thread.turn-settled", settled, "")).toBeNull();
  });

  it("keeps ids alone of an event that this program does not know or cannot read", () => {
    const payload = { turnId: "turn", messageId: "message", text: "secret" };
    expect(stubOf("thread.dreamed", payload, "")).toEqual({
      pruned: true,
      digest: fingerprint(payload),
      turnId: "turn",
      messageId: "message",
    });
    expect(stubOf("thread.message-sent", null, "no JSON")).toEqual({ pruned: true, digest: sha256Hex("no JSON") });
  });
});

it("a payload with half a character has a digest too", () => {
  expect(digestOf({ text: "\ud800" })).toMatch(/^[0-9a-f]{64}$/);
});
