// The life of a thread as a table: every state of a thread against every command there is, clients' and nodes'. A missing
// cell does not compile, a new command asks for its column, a wrong cell is red.
import type { ClientCommand, InternalCommand, NewEvent } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import {
  activity,
  command,
  complete,
  createThread,
  decideClient,
  decideReport,
  delta,
  ended,
  event,
  finishDiff,
  finishRevert,
  foldThread,
  id,
  internal,
  type Outcome,
  PROJECT,
  queued,
  refOf,
  said,
  settle,
  started,
  startTurn,
  threadCreated,
} from "../testing/index.ts";

type ThreadLife = "absent" | "idle" | "running" | "busy" | "asking" | "reverting" | "archived" | "deleted" | "orphaned";
type ThreadClientCommand = Exclude<ClientCommand["type"], `project.${string}`>;
type Coming = ThreadClientCommand | InternalCommand["type"];

const asked: NewEvent = event("thread.activity-appended", {
  turnId: id.turn("turn"),
  tone: "approval",
  kind: "approval.requested",
  summary: "May I?",
  payload: { requestId: "request" },
});
const idle = [threadCreated, started("turn"), said("answer", 0, "text", "turn"), ended("turn", "completed")];
const running = [threadCreated, started("turn"), said("answer", 0, "text", "turn")];
const HISTORIES: Record<ThreadLife, readonly NewEvent[]> = {
  absent: [],
  idle,
  running,
  busy: [...running, queued("next", 1)],
  asking: [...running, asked],
  reverting: [
    ...idle,
    event("thread.checkpoint-revert-requested", { turnCount: 0, checkpointRef: refOf(0), mode: "both" }),
  ],
  archived: [...idle, event("thread.archived", {})],
  deleted: [...idle, event("thread.deleted", {})],
  // Its project was deleted.
  orphaned: idle,
};
const LIVES = Object.keys(HISTORIES) as ThreadLife[];

const thread = { threadId: "thread" };
const COMMANDS: Record<Coming, () => ClientCommand | InternalCommand> = {
  "thread.create": () => createThread(),
  "thread.meta.update": () => command("thread.meta.update", { ...thread, title: "Another" }),
  "thread.archive": () => command("thread.archive", thread),
  "thread.unarchive": () => command("thread.unarchive", thread),
  "thread.delete": () => command("thread.delete", thread),
  "thread.turn.start": () => startTurn("new"),
  "thread.turn.interrupt": () => command("thread.turn.interrupt", { ...thread, turnId: "turn" }),
  "thread.turn.cancel-queued": () => command("thread.turn.cancel-queued", { ...thread, turnId: "next" }),
  "thread.approval.respond": () =>
    command("thread.approval.respond", { ...thread, requestId: "request", decision: "accept" }),
  "thread.checkpoint.revert": () => command("thread.checkpoint.revert", { ...thread, turnCount: 0 }),
  "thread.session.stop": () => command("thread.session.stop", thread),
  "thread.session.set": () =>
    internal("thread.session.set", {
      status: "ready",
      providerName: "sample",
      providerSessionId: null,
      providerThreadId: null,
      activeTurnId: null,
      lastError: null,
    }),
  "thread.message.assistant.delta": () => delta(4, " more"),
  "thread.message.assistant.complete": () => complete(4, " more"),
  "thread.turn.diff.complete": () => finishDiff("turn", 1),
  "thread.activity.append": () => activity("note"),
  "thread.turn.settle": () => settle("turn"),
  "thread.revert.complete": () => finishRevert(0),
  "thread.approval.expire": () => internal("thread.approval.expire", { requestId: "request", reason: "gone" }),
};

const isClients = (one: ClientCommand | InternalCommand): one is ClientCommand => "commandId" in one;

/** The facts that the hub would read beside the stream in that state. */
const come = (life: ThreadLife, coming: Coming): Outcome => {
  const given = HISTORIES[life];
  const one = COMMANDS[coming]();
  const facts = {
    ...(life === "orphaned" ? { project: { ...PROJECT, isDeleted: true } } : {}),
    checkpoint: { turnCount: 0, checkpointRef: refOf(0), isReady: true },
    storedMessage: {
      messageId: id.message("answer"),
      turnId: id.turn("turn"),
      length: 4,
      isStreaming: false,
    },
    hasTurnStarted: true,
  };
  return isClients(one) ? decideClient(given, one, facts) : decideReport(given, one, facts);
};
const shown = ({ refused, types }: Outcome): string =>
  refused ?? types.map((type) => type.replace("thread.", "")).join(" ");

/** What each meets: the code of the refusal, or the types of the events. */
const TABLE: Record<Coming, Record<ThreadLife, string>> = {
  "thread.create": {
    absent: "created",
    idle: "thread_exists",
    running: "thread_exists",
    busy: "thread_exists",
    asking: "thread_exists",
    reverting: "thread_exists",
    archived: "thread_exists",
    deleted: "thread_exists",
    orphaned: "thread_exists",
  },
  "thread.meta.update": {
    absent: "thread_not_found",
    idle: "meta-updated",
    running: "meta-updated",
    busy: "meta-updated",
    asking: "meta-updated",
    reverting: "meta-updated",
    archived: "thread_archived",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.archive": {
    absent: "thread_not_found",
    idle: "archived",
    running: "turn-settled archived",
    busy: "turn-settled turn-dequeued archived",
    asking: "turn-settled archived",
    reverting: "reverted activity-appended archived",
    archived: "thread_archived",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.unarchive": {
    absent: "thread_not_found",
    idle: "thread_not_archived",
    running: "thread_not_archived",
    busy: "thread_not_archived",
    asking: "thread_not_archived",
    reverting: "thread_not_archived",
    archived: "unarchived",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.delete": {
    absent: "thread_not_found",
    idle: "deleted",
    running: "turn-settled deleted",
    busy: "turn-settled turn-dequeued deleted",
    asking: "turn-settled deleted",
    reverting: "reverted activity-appended deleted",
    archived: "deleted",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.turn.start": {
    absent: "thread_not_found",
    idle: "message-sent turn-start-requested",
    running: "turn_in_progress",
    busy: "turn_in_progress",
    asking: "turn_in_progress",
    reverting: "turn_in_progress",
    archived: "thread_archived",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.turn.interrupt": {
    absent: "thread_not_found",
    idle: "turn_not_running",
    running: "turn-interrupt-requested",
    busy: "turn-interrupt-requested",
    asking: "turn-interrupt-requested",
    reverting: "turn_not_running",
    archived: "turn_not_running",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.turn.cancel-queued": {
    absent: "thread_not_found",
    idle: "turn_not_queued",
    running: "turn_not_queued",
    busy: "turn-dequeued",
    asking: "turn_not_queued",
    reverting: "turn_not_queued",
    archived: "thread_archived",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.approval.respond": {
    absent: "thread_not_found",
    idle: "approval_not_pending",
    running: "approval_not_pending",
    busy: "approval_not_pending",
    asking: "approval-response-requested",
    reverting: "approval_not_pending",
    archived: "approval_not_pending",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.checkpoint.revert": {
    absent: "thread_not_found",
    idle: "checkpoint-revert-requested",
    running: "turn_in_progress",
    busy: "turn_in_progress",
    asking: "turn_in_progress",
    reverting: "turn_in_progress",
    archived: "thread_archived",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.session.stop": {
    absent: "thread_not_found",
    idle: "session-stop-requested",
    running: "session-stop-requested turn-settled",
    busy: "session-stop-requested turn-settled turn-dequeued",
    asking: "session-stop-requested turn-settled",
    reverting: "session-stop-requested reverted activity-appended",
    archived: "session-stop-requested",
    deleted: "thread_not_found",
    orphaned: "thread_not_found",
  },
  "thread.session.set": {
    absent: "thread_not_found",
    idle: "session-set",
    running: "session-set",
    busy: "session-set",
    asking: "session-set",
    reverting: "session-set",
    archived: "session-set",
    deleted: "session-set",
    orphaned: "session-set",
  },
  "thread.message.assistant.delta": {
    absent: "thread_not_found",
    idle: "message-sent",
    running: "message-sent",
    busy: "message-sent",
    asking: "message-sent",
    reverting: "message-sent",
    archived: "message-sent",
    deleted: "message-sent",
    orphaned: "message-sent",
  },
  "thread.message.assistant.complete": {
    absent: "thread_not_found",
    idle: "message-sent",
    running: "message-sent",
    busy: "message-sent",
    asking: "message-sent",
    reverting: "message-sent",
    archived: "message-sent",
    deleted: "message-sent",
    orphaned: "message-sent",
  },
  "thread.turn.diff.complete": {
    absent: "thread_not_found",
    idle: "turn-diff-completed",
    running: "turn-diff-completed",
    busy: "turn-diff-completed",
    asking: "turn-diff-completed",
    reverting: "turn-diff-completed",
    archived: "turn-diff-completed",
    deleted: "turn-diff-completed",
    orphaned: "turn-diff-completed",
  },
  "thread.activity.append": {
    absent: "thread_not_found",
    idle: "activity-appended",
    running: "activity-appended",
    busy: "activity-appended",
    asking: "activity-appended",
    reverting: "activity-appended",
    archived: "activity-appended",
    deleted: "activity-appended",
    orphaned: "activity-appended",
  },
  "thread.turn.settle": {
    absent: "thread_not_found",
    idle: "turn_settled",
    running: "turn-settled",
    busy: "turn-settled turn-dequeued turn-start-requested",
    asking: "turn-settled",
    reverting: "turn_settled",
    archived: "turn_settled",
    deleted: "turn_settled",
    orphaned: "turn_settled",
  },
  "thread.revert.complete": {
    absent: "thread_not_found",
    idle: "turn_settled",
    running: "turn_settled",
    busy: "turn_settled",
    asking: "turn_settled",
    reverting: "reverted activity-appended",
    archived: "turn_settled",
    deleted: "turn_settled",
    orphaned: "turn_settled",
  },
  "thread.approval.expire": {
    absent: "thread_not_found",
    idle: "approval_not_pending",
    running: "approval_not_pending",
    busy: "approval_not_pending",
    asking: "approval-expired",
    reverting: "approval_not_pending",
    archived: "approval_not_pending",
    deleted: "approval_not_pending",
    orphaned: "approval_not_pending",
  },
};

const cells = (Object.keys(TABLE) as Coming[]).flatMap((coming) =>
  LIVES.map((life) => ({ life, coming, outcome: TABLE[coming][life] })),
);
const ENDED: readonly ThreadLife[] = ["absent", "archived", "deleted", "orphaned"];

describe("the life of a thread", () => {
  it.each(cells)("$life meets $coming: $outcome (ORC-15, ORC-16, ORC-17, ORC-18)", ({ life, coming, outcome }) => {
    expect(shown(come(life, coming))).toBe(outcome);
  });

  it.each(cells)(
    "$life after $coming runs at most one turn, and no ended thread starts one (ORC-19)",
    ({ life, coming }) => {
      const { events } = come(life, coming);
      const before = foldThread(HISTORIES[life]);
      const after = foldThread([...HISTORIES[life], ...events]);
      const count = (type: NewEvent["eventType"]) => events.filter(({ eventType }) => eventType === type).length;
      const runningBefore = before === null || before.running === null ? 0 : 1;
      const runningAfter = after === null || after.running === null ? 0 : 1;
      expect(runningBefore + count("thread.turn-start-requested") - count("thread.turn-settled")).toBe(runningAfter);
      expect(after?.queue.some(({ turnId }) => turnId === after.running?.turnId) ?? false).toBe(false);
      if (ENDED.includes(life)) expect(count("thread.turn-start-requested")).toBe(0);
    },
  );
});
