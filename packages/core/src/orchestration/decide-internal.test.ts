// What nodes report and what the hub does by itself: given events, when a report comes, then events or a refusal.
import type { MessageId, NodeId, TurnId } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import {
  activity,
  askApproval,
  CLIENT,
  complete,
  decideReport,
  delta,
  ended,
  event,
  finishDiff,
  finishRevert,
  HUB,
  id,
  internal,
  NODE,
  PROJECT,
  queued,
  refOf,
  runningTurn,
  said,
  settle,
  settledTurn,
  started,
  threadCreated,
} from "../testing/index.ts";

const running = runningTurn("turn");

describe("who may report", () => {
  const reports = [
    internal("thread.session.set", {
      status: "ready",
      providerName: "sample",
      providerSessionId: null,
      providerThreadId: null,
      activeTurnId: null,
      lastError: null,
    }),
    delta(0, "x"),
    complete(0, "x"),
    finishDiff("turn", 1),
    activity("note"),
    settle("turn"),
    finishRevert(1),
    internal("thread.approval.expire", { requestId: "question", reason: "node_restarted" }),
  ];

  it.each(reports.map((report) => [report.type, report] as const))(
    "%s is refused from a client and from a node that does not run the project (ORC-16)",
    (_type, report) => {
      expect(decideReport(running, report, { actor: CLIENT }).refused).toBe("permission_denied");
      const stranger = { ...NODE, id: "stranger", nodeId: "stranger" as NodeId };
      expect(decideReport(running, report, { actor: stranger }).refused).toBe("permission_denied");
    },
  );

  it("is refused for a thread that is not there", () => {
    for (const report of reports) {
      expect(decideReport([], report).refused).toBe("thread_not_found");
      expect(decideReport(running, report, { project: null }).refused).toBe("thread_not_found");
    }
  });

  it("lets the hub itself report for any project (ORC-16)", () => {
    const elsewhere = { ...PROJECT, nodeId: "elsewhere" as NodeId };
    expect(decideReport(running, settle("turn"), { actor: HUB, project: elsewhere }).refused).toBeNull();
  });
});

describe("streaming text", () => {
  const stored = [...running, said("answer", 0, "hello", "turn")];

  it("begins a message at offset 0 and goes on exactly where it ended (ORC-23)", () => {
    expect(decideReport(running, delta(0, "hello")).events).toEqual([said("answer", 0, "hello", "turn")]);
    expect(decideReport(stored, delta(5, " you")).events).toEqual([said("answer", 5, " you", "turn")]);
  });

  it("is trimmed where it overlaps what is stored (ORC-23)", () => {
    expect(decideReport(stored, delta(3, "lo you")).events).toEqual([said("answer", 5, " you", "turn")]);
    expect(decideReport(stored, delta(0, "hello")).refused).toBe("turn_settled");
    expect(decideReport(stored, delta(1, "ell")).refused).toBe("turn_settled");
  });

  it("is refused beyond the stored length (ORC-23)", () => {
    expect(decideReport(stored, delta(6, "x")).refused).toBe("ingest_beyond_text");
    expect(decideReport(running, delta(1, "x")).refused).toBe("ingest_beyond_text");
  });

  it("counts UTF-16 code units, so a character outside the first plane is two (ORC-23)", () => {
    const emoji = [...running, said("answer", 0, "😀", "turn")];
    expect(decideReport(emoji, delta(1, "\ude00!")).events[0]?.payload).toMatchObject({ offset: 2, text: "!" });
    expect(decideReport(emoji, delta(2, "!")).events[0]?.payload).toMatchObject({ offset: 2, text: "!" });
    expect(decideReport(emoji, delta(3, "!")).refused).toBe("ingest_beyond_text");
  });

  it("keeps its length where half a surrogate pair or a NUL has to be replaced (ORC-23)", () => {
    const outcome = decideReport(running, delta(0, "a\ud83d\0"));
    expect(outcome.events[0]?.payload).toMatchObject({ text: "a\ufffd\ufffd" });
    expect(decideReport([...running, ...outcome.events], delta(3, "b")).events[0]?.payload).toMatchObject({
      offset: 3,
    });
  });

  it("stays storable where an overlap is cut off in the middle of a pair (ORC-23)", () => {
    const cut = [...running, said("answer", 0, "a\ufffd", "turn")];
    expect(decideReport(cut, delta(1, "😀!")).events[0]?.payload).toMatchObject({ offset: 2, text: "\ufffd!" });
  });

  it("ends with a completion, which may bring nothing more than the end (ORC-23)", () => {
    expect(decideReport(stored, complete(5, "")).events).toEqual([said("answer", 5, "", "turn", false)]);
    expect(decideReport(stored, complete(2, "llo!")).events).toEqual([said("answer", 5, "!", "turn", false)]);
    const done = [...stored, said("answer", 5, "", "turn", false)];
    expect(decideReport(done, complete(5, "")).refused).toBe("turn_settled");
  });

  it("never streams again once it was completed", () => {
    const done = [...stored, said("answer", 5, "", "turn", false)];
    expect(decideReport(done, delta(5, "!")).events[0]?.payload).toMatchObject({ text: "!", isStreaming: false });
  });

  it("is no message while there is no text", () => {
    expect(decideReport(running, complete(0, "")).refused).toBe("turn_settled");
  });

  it("is refused for a turn that has not started, so that nothing lies in wait for it", () => {
    expect(decideReport([...running, queued("b", 1)], delta(0, "x", { turnId: "b" })).refused).toBe("turn_not_found");
    expect(decideReport(running, delta(0, "x", { turnId: "never" })).refused).toBe("turn_not_found");
  });

  it("belongs to one turn and to one thread", () => {
    expect(decideReport(stored, delta(5, "x", { turnId: "other" })).refused).toBe("turn_settled");
    expect(decideReport(running, delta(0, "x"), { isMessageIdUsed: true }).refused).toBe("turn_settled");
  });

  it("is kept when it comes after its turn has ended, without streaming", () => {
    const settled = [...stored, { ...ended("turn", "interrupted") }];
    const storedMessage = { messageId: id.message("answer"), turnId: id.turn("turn"), length: 5, isStreaming: false };
    const late = decideReport(settled, delta(3, "lo late"), { storedMessage });
    expect(late.events).toEqual([said("answer", 5, " late", "turn", false)]);
    const next = decideReport([...settled, started("next", 2)], delta(5, "!"), { storedMessage });
    expect(next.events).toEqual([said("answer", 5, "!", "turn", false)]);
    const second = delta(0, "new", { messageId: "second" });
    expect(decideReport(settled, second, { hasTurnStarted: true }).events[0]?.payload).toMatchObject({
      isStreaming: false,
    });
  });
});

describe("the end of a turn", () => {
  const question = event("thread.activity-appended", {
    turnId: id.turn("turn"),
    tone: "approval",
    kind: "approval.requested",
    summary: "May I?",
    payload: { requestId: "question" },
  });

  it("has one terminal status, which never changes (ORC-19)", () => {
    for (const status of ["completed", "interrupted", "error"] as const) {
      const given = [...running, ended("turn", status)];
      for (const second of ["completed", "interrupted", "error"] as const)
        expect(decideReport(given, settle("turn", { status: second })).refused).toBe("turn_settled");
    }
  });

  it("is refused for a turn that is queued, or was never there (ORC-19)", () => {
    expect(decideReport([...running, queued("b", 1)], settle("b")).refused).toBe("turn_settled");
    expect(decideReport([threadCreated], settle("turn")).refused).toBe("turn_settled");
  });

  it("completes its streaming messages and expires its approvals in the same event (ORC-23)", () => {
    const given = [
      ...running,
      said("done", 0, "x", "turn", false),
      said("open", 0, "x", "turn"),
      said("also", 0, "x", "turn"),
      question,
    ];
    expect(decideReport(given, settle("turn")).events).toEqual([
      event("thread.turn-settled", {
        turnId: id.turn("turn"),
        status: "completed",
        reason: null,
        detail: null,
        completedMessageIds: ["also", "open"] as MessageId[],
        expiredRequestIds: [askApproval("question").payload["requestId"]] as never,
      }),
    ]);
  });

  it("dequeues the oldest waiting turn and asks for its start in the same append (ORC-17)", () => {
    const outcome = decideReport([...running, queued("b", 3), queued("c", 4)], settle("turn"));
    expect(outcome.types).toEqual(["thread.turn-settled", "thread.turn-dequeued", "thread.turn-start-requested"]);
    expect(outcome.events[1]?.payload).toEqual({ turnId: "b", reason: "started" });
    expect(outcome.events[2]?.payload).toMatchObject({ turnId: "b", turnCount: 2 });
    expect(outcome.decision?.events.map(({ causedBy }) => causedBy)).toEqual([undefined, 0, 1]);
  });
});

describe("activities and approvals", () => {
  it("are kept for a turn that has ended", () => {
    expect(decideReport(settledTurn("turn"), activity("note")).types).toEqual(["thread.activity-appended"]);
  });

  it("open no approval that nobody could answer: of an ended turn, or with an id that was used", () => {
    expect(decideReport(running, askApproval("question")).types).toEqual(["thread.activity-appended"]);
    expect(decideReport(settledTurn("turn"), askApproval("question")).refused).toBe("turn_settled");
    expect(decideReport(running, askApproval("question"), { isRequestIdUsed: true }).refused).toBe(
      "approval_not_pending",
    );
  });

  it("expire by id, once", () => {
    const expire = internal("thread.approval.expire", { requestId: "question", reason: "node_restarted" });
    const asked = decideReport(running, askApproval("question")).events;
    const outcome = decideReport([...running, ...asked], expire);
    expect(outcome.types).toEqual(["thread.approval-expired"]);
    expect(decideReport([...running, ...asked, ...outcome.events], expire).refused).toBe("approval_not_pending");
    expect(decideReport(running, expire).refused).toBe("approval_not_pending");
  });
});

describe("the state of the provider's session", () => {
  const session = (fields: Record<string, unknown>) =>
    internal("thread.session.set", {
      status: "running",
      providerName: "sample",
      providerSessionId: null,
      providerThreadId: "theirs",
      activeTurnId: "turn",
      lastError: null,
      ...fields,
    });

  it("is taken as told for the running turn", () => {
    expect(decideReport(running, session({})).events[0]?.payload).toMatchObject({
      status: "running",
      activeTurnId: "turn",
    });
  });

  it("does not look as if an ended turn still ran", () => {
    expect(decideReport(settledTurn("turn"), session({})).events[0]?.payload).toMatchObject({
      status: "ready",
      activeTurnId: null,
      providerThreadId: "theirs",
    });
    expect(decideReport(settledTurn("turn"), session({ status: "stopped" })).events[0]?.payload).toMatchObject({
      status: "stopped",
      activeTurnId: null,
    });
  });
});

describe("a finished checkpoint", () => {
  it("carries the newest message of its turn and brings its diff beside the log", () => {
    const outcome = decideReport(settledTurn("turn"), finishDiff("turn", 1), {
      assistantMessageId: id.message("answer"),
    });
    expect(outcome.events[0]?.payload).toMatchObject({ turnCount: 1, assistantMessageId: "answer" });
    expect(outcome.decision?.diffBlob).toMatchObject({ fromTurnCount: 0, toTurnCount: 1, diff: "diff of 1" });
  });

  it("has no diff before the first turn", () => {
    expect(decideReport(running, finishDiff("turn", 0)).decision?.diffBlob).toBeUndefined();
  });

  it("is refused for a count that the thread has not reached, or that another turn has", () => {
    expect(decideReport(running, finishDiff("turn", 2)).refused).toBe("turn_not_found");
    expect(decideReport(running, finishDiff("dropped", 1)).refused).toBe("turn_not_found");
  });
});

describe("the end of a revert", () => {
  const asked = event("thread.checkpoint-revert-requested", { turnCount: 1, checkpointRef: refOf(1), mode: "both" });
  const given = [...settledTurn("a"), started("b", 2), ended("b"), asked];
  const afterRevert = { turnIds: ["b" as TurnId], messageIds: [id.message("b-message")], latestTurnId: id.turn("a") };

  it("drops the turns and messages after it", () => {
    expect(decideReport(given, finishRevert(1), { afterRevert }).events.slice(0, 1)).toEqual([
      event("thread.reverted", {
        turnCount: 1,
        mode: "both",
        safetyRef: null,
        files: [],
        droppedTurnIds: afterRevert.turnIds,
        droppedMessageIds: afterRevert.messageIds,
        latestTurnId: id.turn("a"),
        error: null,
      }),
    ]);
  });

  it("drops nothing when it failed, or when only files went back", () => {
    const failed = decideReport(given, finishRevert(1, { error: "workspace_unavailable" }), { afterRevert });
    expect(failed.events[0]?.payload).toMatchObject({ droppedTurnIds: [], droppedMessageIds: [], latestTurnId: "b" });
    const files = event("thread.checkpoint-revert-requested", { turnCount: 1, checkpointRef: refOf(1), mode: "files" });
    const restored = decideReport([...given.slice(0, -1), files], finishRevert(1, { mode: "files" }), { afterRevert });
    expect(restored.events[0]?.payload).toMatchObject({ droppedTurnIds: [], latestTurnId: "b" });
  });

  it("is told in the thread, with what became of each file and of the conversation (ORC-35)", () => {
    const files = [
      { path: "a", outcome: "restored" },
      { path: "b", outcome: "deleted" },
      { path: "c", outcome: "kept", reason: "changed by another thread since" },
    ];
    const told = (fields: Record<string, unknown>) => {
      const report = finishRevert(1, fields);
      const mode = "mode" in report ? report.mode : "both";
      const asked = event("thread.checkpoint-revert-requested", { turnCount: 1, checkpointRef: refOf(1), mode });
      return decideReport([...given.slice(0, -1), asked], report, { afterRevert }).events[1]?.payload;
    };
    expect(told({ files })).toEqual({
      turnId: null,
      tone: "info",
      kind: "revert.done",
      summary:
        "Went back to the state after turn 1: 2 files changed back, 1 kept as they are, the agent starts a new conversation and is told what was kept of this one",
      payload: { turnCount: 1, mode: "both", safetyRef: null, files, fileCount: 3, error: null },
    });
    expect(told({ files, mode: "files" })).toMatchObject({
      summary: "Went back to the state after turn 1: 2 files changed back, 1 kept as they are",
    });
    expect(told({ error: "node_offline" })).toMatchObject({
      tone: "error",
      kind: "revert.failed",
      summary: "Nothing was taken back to the state after turn 1: node_offline",
    });
  });

  it("that had been given up is told as an activity, and changes nothing else (ORC-35)", () => {
    const files = [{ path: "a", outcome: "restored" as const }];
    const late = decideReport(settledTurn("a"), finishRevert(1, { safetyRef: refOf(1), files }), {
      revertStands: "given up",
    });
    expect(late.events).toMatchObject([
      {
        eventType: "thread.activity-appended",
        payload: {
          turnId: null,
          kind: "revert.late",
          payload: { safetyRef: refOf(1), files, turnCount: 1, mode: "both" },
        },
      },
    ]);
  });

  const summaryOf = (fields: Record<string, unknown>, context: Parameters<typeof decideReport>[2] = {}) =>
    decideReport(given, finishRevert(1, fields), { afterRevert, ...context }).events.at(-1)?.payload;

  it("that stopped in the middle names what holds the files as they were, and is not called nothing (ORC-35)", () => {
    const error = "workspace_unavailable: gone";
    expect(summaryOf({ error, safetyRef: refOf(1) })).toMatchObject({
      tone: "error",
      kind: "revert.failed",
      summary: `Stopped in the middle of going back to the state after turn 1, some files may be changed; ${refOf(1)} holds all as they were before: ${error}`,
    });
  });

  it("that the hub gives up says no more of the files than is known (ORC-35)", () => {
    const actor = { kind: "server", id: "hub" } as const;
    const givenUp = (fields: Record<string, unknown>, isRevertUndelivered: boolean) =>
      summaryOf({ error: "node_offline", ...fields }, { actor, isRevertUndelivered });
    expect(givenUp({}, false)).toMatchObject({
      kind: "revert.given-up",
      summary:
        "Going back to the state after turn 1 was given up (node_offline): whether files were changed is not known until the machine says so here; one that has begun finishes it",
    });
    expect(givenUp({}, true)).toMatchObject({
      summary:
        "Going back to the state after turn 1 was given up (node_offline): nothing was changed, its machine was not asked yet",
    });
  });

  it("that had been given up and went wrong on the machine is told as well (ORC-35)", () => {
    const late = (fields: Record<string, unknown>) =>
      decideReport(settledTurn("a"), finishRevert(1, fields), { revertStands: "given up" }).events;
    expect(late({ error: "checkpoint_missing: gone" })).toMatchObject([
      {
        payload: {
          kind: "revert.late",
          tone: "error",
          summary:
            "The revert that was given up did not go through on the machine. Nothing was taken back to the state after turn 1: checkpoint_missing: gone",
        },
      },
    ]);
    expect(late({ error: "git_failed: x", safetyRef: refOf(1) })[0]?.payload).toMatchObject({
      summary: expect.stringContaining("Stopped in the middle"),
    });
  });

  it("that is over is refused, also while one of the same kind is under way (ORC-35)", () => {
    const facts = { afterRevert, revertStands: "over" } as const;
    expect(decideReport(given, finishRevert(1), facts).refused).toBe("turn_settled");
  });

  it("is refused where no revert, or another one, is under way", () => {
    expect(decideReport(settledTurn("a"), finishRevert(1)).refused).toBe("turn_settled");
    expect(decideReport(given, finishRevert(0)).refused).toBe("turn_settled");
    expect(decideReport(given, finishRevert(1, { mode: "conversation" })).refused).toBe("turn_settled");
  });
});
