// Clients' commands of a thread: given events, when a command comes, then events or a typed refusal.
import type { CheckpointRef, NewEvent, TurnId } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import {
  ATTACHED,
  command,
  decideClient,
  event,
  id,
  PROJECT,
  QUEUE_OF,
  queued,
  refOf,
  runningTurn,
  settledTurn,
  startTurn,
  threadCreated,
} from "../testing/index.ts";

const thread = { threadId: "thread" };
const ready = { checkpoint: { turnCount: 1, checkpointRef: refOf(1), isReady: true } };

describe("starting a turn", () => {
  it("sends the message and then asks for the start, caused by the message (ORC-17)", () => {
    const outcome = decideClient([threadCreated], startTurn("a", { effort: "high" }));
    expect(outcome.events).toEqual([
      event("thread.message-sent", {
        messageId: id.message("a-message"),
        turnId: id.turn("a"),
        role: "user",
        offset: 0,
        text: "Please do a.",
        attachments: [],
        isStreaming: false,
      }),
      event("thread.turn-start-requested", {
        turnId: id.turn("a"),
        messageId: id.message("a-message"),
        turnCount: 1,
        model: null,
        effort: "high",
      }),
    ]);
    expect(outcome.decision?.events.map((decided) => decided.causedBy)).toEqual([undefined, 0]);
  });

  it("takes the thread's model where the command names none", () => {
    const given = [threadCreated, event("thread.meta-updated", { model: "large" })];
    expect(decideClient(given, startTurn("a")).events[1]?.payload).toMatchObject({ model: "large" });
    expect(decideClient(given, startTurn("a", { model: "small" })).events[1]?.payload).toMatchObject({
      model: "small",
    });
  });

  it("waits in the queue behind a running turn when it may (ORC-17)", () => {
    const outcome = decideClient(runningTurn("a"), startTurn("b", { whenBusy: "queue" }));
    expect(outcome.types).toEqual(["thread.message-sent", "thread.turn-queued"]);
    expect(outcome.events[1]?.payload).toMatchObject({ turnId: "b", position: 1 });
    const behind = decideClient([...runningTurn("a"), queued("b", 7)], startTurn("c", { whenBusy: "queue" }));
    expect(behind.events[1]?.payload).toMatchObject({ turnId: "c", position: 8 });
  });

  it("is refused while a turn runs and the command says reject, so that at most one runs (ORC-18, ORC-19)", () => {
    expect(decideClient(runningTurn("a"), startTurn("b")).refused).toBe("turn_in_progress");
  });

  it("is refused when twenty turns wait, and not when nineteen do (ORC-18)", () => {
    const twenty = [...runningTurn("a"), ...QUEUE_OF(20)];
    expect(decideClient(twenty, startTurn("b", { whenBusy: "queue" })).refused).toBe("turn_queue_full");
    const nineteen = [...runningTurn("a"), ...QUEUE_OF(19)];
    expect(decideClient(nineteen, startTurn("b", { whenBusy: "queue" })).refused).toBeNull();
  });

  it("is refused when its turnId was ever used (ORC-18)", () => {
    expect(decideClient([threadCreated], startTurn("a"), { isTurnIdUsed: true }).refused).toBe("turn_exists");
  });

  it("is refused when its messageId was ever used (ORC-18)", () => {
    expect(decideClient([threadCreated], startTurn("a"), { isMessageIdUsed: true }).refused).toBe("turn_exists");
  });

  it("is refused when the node is not attached to the project's session (ORC-18)", () => {
    const detached = { ...ATTACHED, isAttached: false };
    expect(decideClient([threadCreated], startTurn("a"), { node: detached }).refused).toBe("node_not_attached");
    expect(decideClient([threadCreated], startTurn("a"), { node: null }).refused).toBe("node_not_attached");
  });

  it("is refused when the node is attached read-only (ORC-18)", () => {
    const old = { ...ATTACHED, isReadOnly: true };
    expect(decideClient([threadCreated], startTurn("a"), { node: old }).refused).toBe("version.floor_exceeded");
  });

  it("is taken while the node is offline, because the hub delivers later", () => {
    const away = { ...ATTACHED, isOnline: false };
    expect(decideClient([threadCreated], startTurn("a"), { node: away }).refused).toBeNull();
  });

  it("is refused while a revert is under way", () => {
    const given = [...settledTurn("a"), revertRequested];
    expect(decideClient(given, startTurn("b")).refused).toBe("turn_in_progress");
    expect(decideClient(given, startTurn("b", { whenBusy: "queue" })).refused).toBe("turn_in_progress");
  });

  it("keeps a NUL and half a surrogate pair out of stored text without moving what follows", () => {
    const outcome = decideClient([threadCreated], startTurn("a", { text: "x\0y\ud83dz" }));
    expect(outcome.events[0]?.payload).toMatchObject({ text: "x\ufffdy\ufffdz" });
  });
});

const revertRequested: NewEvent = event("thread.checkpoint-revert-requested", {
  turnCount: 1,
  checkpointRef: refOf(1),
  mode: "both",
});

describe("interrupting", () => {
  const interrupt = (turnId?: string) =>
    command("thread.turn.interrupt", { ...thread, ...(turnId === undefined ? {} : { turnId }) });

  it("asks the node to stop a turn that it runs", () => {
    const outcome = decideClient(runningTurn("a"), interrupt("a"));
    expect(outcome.events).toEqual([event("thread.turn-interrupt-requested", { turnId: id.turn("a") })]);
  });

  it("means whichever turn runs when it names none", () => {
    expect(decideClient(runningTurn("a"), interrupt()).events[0]?.payload).toEqual({ turnId: "a" });
  });

  it("settles the turn itself when its start never left the hub", () => {
    const outcome = decideClient(runningTurn("a"), interrupt(), { isStartUndelivered: true });
    expect(outcome.types).toEqual(["thread.turn-interrupt-requested", "thread.turn-settled"]);
    expect(outcome.events[1]?.payload).toMatchObject({ status: "interrupted", reason: "interrupted_before_start" });
  });

  it("settles the turn itself when the node is offline", () => {
    const away = { node: { ...ATTACHED, isOnline: false } };
    const outcome = decideClient(runningTurn("a"), interrupt(), away);
    expect(outcome.events[1]?.payload).toMatchObject({ status: "interrupted", reason: "node_offline" });
  });

  it("starts the next queued turn in the same append when it settles (ORC-17)", () => {
    const given = [...runningTurn("a"), queued("b", 1)];
    expect(decideClient(given, interrupt(), { isStartUndelivered: true }).types).toEqual([
      "thread.turn-interrupt-requested",
      "thread.turn-settled",
      "thread.turn-dequeued",
      "thread.turn-start-requested",
    ]);
  });

  it("is refused when no such turn runs (ORC-18)", () => {
    expect(decideClient([threadCreated], interrupt()).refused).toBe("turn_not_running");
    expect(decideClient(runningTurn("a"), interrupt("b")).refused).toBe("turn_not_running");
    expect(decideClient(settledTurn("a"), interrupt("a")).refused).toBe("turn_not_running");
  });
});

describe("cancelling a queued turn", () => {
  const cancel = (turnId: string) => command("thread.turn.cancel-queued", { ...thread, turnId });

  it("takes it out of the queue and leaves the others", () => {
    const outcome = decideClient([...runningTurn("a"), queued("b", 1), queued("c", 2)], cancel("b"));
    expect(outcome.events).toEqual([event("thread.turn-dequeued", { turnId: id.turn("b"), reason: "cancelled" })]);
  });

  it("is refused for a turn that is not queued (ORC-18)", () => {
    expect(decideClient(runningTurn("a"), cancel("a")).refused).toBe("turn_not_queued");
    expect(decideClient([threadCreated], cancel("x")).refused).toBe("turn_not_queued");
  });
});

describe("stopping, archiving and deleting", () => {
  const given = [...runningTurn("a"), queued("b", 1), queued("c", 2)];
  const ends = [
    { type: "thread.session.stop", reason: "session_stopped", own: "thread.session-stop-requested" },
    { type: "thread.archive", reason: "thread_archived", own: "thread.archived" },
    { type: "thread.delete", reason: "thread_deleted", own: "thread.deleted" },
  ] as const;

  it.each(ends)(
    "$type settles the running turn interrupted and dequeues the rest (ORC-17)",
    ({ type, reason, own }) => {
      const outcome = decideClient(given, command(type, thread));
      expect([...outcome.types].sort()).toEqual(
        [own, "thread.turn-dequeued", "thread.turn-dequeued", "thread.turn-settled"].sort(),
      );
      const settled = outcome.events.find(({ eventType }) => eventType === "thread.turn-settled");
      expect(settled?.payload).toMatchObject({ turnId: "a", status: "interrupted", reason });
      const dequeued = outcome.events.filter(({ eventType }) => eventType === "thread.turn-dequeued");
      expect(dequeued.map(({ payload }) => payload)).toEqual([
        { turnId: "b", reason: "stopped" },
        { turnId: "c", reason: "stopped" },
      ]);
    },
  );

  it.each(ends)("$type of an idle thread yields its own event alone", ({ type, own }) => {
    expect(decideClient([threadCreated], command(type, thread)).types).toEqual([own]);
  });

  it("refuses to archive what is archived and to unarchive what is not (ORC-18)", () => {
    const archived = [threadCreated, event("thread.archived", {})];
    expect(decideClient(archived, command("thread.archive", thread)).refused).toBe("thread_archived");
    expect(decideClient([threadCreated], command("thread.unarchive", thread)).refused).toBe("thread_not_archived");
    expect(decideClient(archived, command("thread.unarchive", thread)).types).toEqual(["thread.unarchived"]);
  });
});

describe("answering an approval", () => {
  const respond = command("thread.approval.respond", { ...thread, requestId: "question", decision: "accept" });
  const asked = event("thread.activity-appended", {
    turnId: id.turn("a"),
    tone: "approval",
    kind: "approval.requested",
    summary: "May I?",
    payload: { requestId: "question" },
  });

  it("records the decision for the turn that asked", () => {
    expect(decideClient([...runningTurn("a"), asked], respond).events).toEqual([
      event("thread.approval-response-requested", {
        requestId: respond.requestId,
        turnId: id.turn("a"),
        decision: "accept",
      }),
    ]);
  });

  it("is refused for an approval that is not pending: never asked, answered, or ended with its turn (ORC-18)", () => {
    expect(decideClient(runningTurn("a"), respond).refused).toBe("approval_not_pending");
    const answered = event("thread.approval-response-requested", {
      requestId: respond.requestId,
      turnId: id.turn("a"),
      decision: "decline",
    });
    expect(decideClient([...runningTurn("a"), asked, answered], respond).refused).toBe("approval_not_pending");
    const ended = event("thread.turn-settled", {
      turnId: id.turn("a"),
      status: "completed",
      reason: null,
      detail: null,
      completedMessageIds: [],
      expiredRequestIds: [respond.requestId],
    });
    expect(decideClient([...runningTurn("a"), asked, ended], respond).refused).toBe("approval_not_pending");
  });
});

describe("reverting", () => {
  const revert = command("thread.checkpoint.revert", { ...thread, turnCount: 1 });

  it("asks the node to go back to a ready checkpoint", () => {
    expect(decideClient(settledTurn("a"), revert, ready).events).toEqual([
      event("thread.checkpoint-revert-requested", { turnCount: 1, checkpointRef: refOf(1), mode: "both" }),
    ]);
  });

  it("is refused where the turn count has no ready checkpoint (ORC-18)", () => {
    expect(decideClient(settledTurn("a"), revert).refused).toBe("checkpoint_not_ready");
    const missing = { checkpoint: { ...ready.checkpoint, isReady: false } };
    expect(decideClient(settledTurn("a"), revert, missing).refused).toBe("checkpoint_not_ready");
  });

  it("is refused while a turn runs, and while another revert is under way (ORC-18)", () => {
    expect(decideClient(runningTurn("a"), revert, ready).refused).toBe("turn_in_progress");
    expect(decideClient([...settledTurn("a"), revertRequested], revert, ready).refused).toBe("turn_in_progress");
  });

  it("can be given up by an interrupt that names no turn, a stop, an archive and a delete (ORC-35)", () => {
    const given = [...settledTurn("a"), revertRequested];
    for (const [type, error] of [
      ["thread.turn.interrupt", "interrupted"],
      ["thread.session.stop", "session_stopped"],
      ["thread.archive", "thread_archived"],
      ["thread.delete", "thread_deleted"],
    ] as const) {
      const { events } = decideClient(given, command(type, thread));
      const ended = events.find(({ eventType }) => eventType === "thread.reverted");
      expect(ended).toEqual(
        event("thread.reverted", {
          turnCount: 1,
          mode: "both",
          safetyRef: null,
          files: [],
          droppedTurnIds: [],
          droppedMessageIds: [],
          latestTurnId: id.turn("a"),
          error,
        }),
      );
      if (type === "thread.turn.interrupt")
        expect(decideClient([...given, ...events], revert, ready).refused).toBeNull();
    }
    expect(decideClient(given, command("thread.turn.interrupt", { ...thread, turnId: "a" })).refused).toBe(
      "turn_not_running",
    );
  });

  it("is refused when the node is not attached (ORC-18)", () => {
    expect(decideClient(settledTurn("a"), revert, { ...ready, node: null }).refused).toBe("node_not_attached");
  });
});

describe("creating and changing a thread", () => {
  it("is refused where the thread is present already, also when it was deleted (ORC-18)", () => {
    const create = command("thread.create", {
      threadId: "thread",
      projectId: "project",
      title: "Again",
      provider: "sample",
      branch: null,
      worktreePath: null,
      runtimeMode: "full-access",
    });
    expect(decideClient([threadCreated], create).refused).toBe("thread_exists");
    expect(decideClient([threadCreated, event("thread.deleted", {})], create).refused).toBe("thread_exists");
    expect(decideClient([], create).types).toEqual(["thread.created"]);
    expect(decideClient([], create, { project: null }).refused).toBe("project_not_found");
    expect(decideClient([], create, { project: { ...PROJECT, isDeleted: true } }).refused).toBe("project_not_found");
    const known = { node: { ...ATTACHED, providers: ["other"] } };
    expect(decideClient([], create, known).refused).toBe("provider_unknown");
  });

  it("changes the fields that are named and no others", () => {
    const update = command("thread.meta.update", { ...thread, title: "New", model: null });
    expect(decideClient([threadCreated], update).events).toEqual([
      event("thread.meta-updated", { title: "New", model: null }),
    ]);
  });

  it("refuses a change of nothing, because a command without an event is a bug (ORC-17)", () => {
    expect(decideClient([threadCreated], command("thread.meta.update", thread)).refused).toBe("validation_failed");
  });
});

describe("every command of a thread", () => {
  const turnId = "a" as TurnId;
  const commands = [
    command("thread.meta.update", { ...thread, title: "x" }),
    command("thread.archive", thread),
    command("thread.unarchive", thread),
    command("thread.delete", thread),
    startTurn("z"),
    command("thread.turn.interrupt", { ...thread, turnId }),
    command("thread.turn.cancel-queued", { ...thread, turnId }),
    command("thread.approval.respond", { ...thread, requestId: "q", decision: "accept" }),
    command("thread.checkpoint.revert", { ...thread, checkpointRef: refOf(1) satisfies CheckpointRef }),
    command("thread.session.stop", thread),
  ];
  const types = commands.map((one) => one.type);
  const archived = event("thread.archived", {});
  const deleted = event("thread.deleted", {});
  const outcomes = (given: readonly NewEvent[]) =>
    Object.fromEntries(
      commands.map((one) => {
        const outcome = decideClient(given, one, ready);
        return [one.type, outcome.refused ?? "accepted"];
      }),
    );

  it("is refused where the thread is absent or deleted (ORC-18)", () => {
    const nowhere = Object.fromEntries(types.map((type) => [type, "thread_not_found"]));
    expect(outcomes([])).toEqual(nowhere);
    expect(outcomes([threadCreated, deleted])).toEqual(nowhere);
    expect(outcomes([threadCreated, archived, deleted])).toEqual(nowhere);
  });

  it("is refused where the project is absent or deleted (ORC-18)", () => {
    for (const project of [null, { ...PROJECT, isDeleted: true }]) {
      const refused = commands.map((one) => decideClient([threadCreated], one, { ...ready, project }).refused);
      expect(new Set(refused)).toEqual(new Set(["thread_not_found"]));
    }
  });

  it("has its place in the life of a live thread without turns", () => {
    expect(outcomes([threadCreated])).toEqual({
      "thread.meta.update": "accepted",
      "thread.archive": "accepted",
      "thread.unarchive": "thread_not_archived",
      "thread.delete": "accepted",
      "thread.turn.start": "accepted",
      "thread.turn.interrupt": "turn_not_running",
      "thread.turn.cancel-queued": "turn_not_queued",
      "thread.approval.respond": "approval_not_pending",
      "thread.checkpoint.revert": "accepted",
      "thread.session.stop": "accepted",
    });
  });

  it("has its place in the life of an archived thread (ORC-18)", () => {
    expect(outcomes([threadCreated, archived])).toEqual({
      "thread.meta.update": "thread_archived",
      "thread.archive": "thread_archived",
      "thread.unarchive": "accepted",
      "thread.delete": "accepted",
      "thread.turn.start": "thread_archived",
      "thread.turn.interrupt": "turn_not_running",
      "thread.turn.cancel-queued": "thread_archived",
      "thread.approval.respond": "approval_not_pending",
      "thread.checkpoint.revert": "thread_archived",
      "thread.session.stop": "accepted",
    });
  });

  it("yields at least one event wherever it is accepted (ORC-17)", () => {
    for (const given of [[threadCreated], [threadCreated, archived], runningTurn("a"), settledTurn("a")]) {
      for (const one of commands) {
        const outcome = decideClient(given, one, ready);
        expect(outcome.refused !== null || outcome.events.length > 0, one.type).toBe(true);
      }
    }
  });
});
