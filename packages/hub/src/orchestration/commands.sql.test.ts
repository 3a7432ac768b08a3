// Every client command on a real database: the events it leaves, with their envelope, and who may give it.
import { type ClientCommand, EventEnvelope, type EventType, WireEvent } from "@muster/contracts";
import {
  askApproval,
  command,
  createProject,
  createThread,
  delta,
  finishDiff,
  finishRevert,
  internal,
  settle,
  startTurn,
} from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Caller } from "../ports.ts";
import {
  COLLABORATOR,
  callerOf,
  nodeIdentity,
  OWNER,
  onBothDatabases,
  openWorld,
  STRANGER,
  until,
  VIEWER,
  type World,
} from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await world.dispatch(createProject());
  await world.dispatch(createThread());
});
afterEach(() => world.close());

const thread = { threadId: "thread" };
const log = async () => {
  const page = await world.orchestration.getEventsPage(OWNER, { after: 0, limit: 500 });
  return page.events;
};

onBothDatabases("a client's command", () => {
  const oneTurn = async (): Promise<void> => {
    await world.dispatch(startTurn("turn"));
    await world.ingest(1, [askApproval("question")]);
  };
  const twoTurns = async (): Promise<void> => {
    await oneTurn();
    await world.dispatch(startTurn("waiting", { whenBusy: "queue" }));
  };
  const ended = async (): Promise<void> => {
    await oneTurn();
    await world.ingest(2, [settle("turn"), finishDiff("turn", 1)]);
  };
  const archived = async (): Promise<void> => {
    await world.dispatch(command("thread.archive", thread));
  };
  const nothing = async (): Promise<void> => {};

  const CASES: Record<
    ClientCommand["type"],
    { before: () => Promise<void>; command: () => ClientCommand; events: EventType[] }
  > = {
    "project.create": {
      before: nothing,
      command: () => createProject({ projectId: "second" }),
      events: ["project.created"],
    },
    "project.meta.update": {
      before: nothing,
      command: () => command("project.meta.update", { projectId: "project", title: "New" }),
      events: ["project.meta-updated"],
    },
    "project.delete": {
      before: oneTurn,
      command: () => command("project.delete", { projectId: "project", force: true }),
      events: ["thread.turn-settled", "thread.deleted", "project.deleted"],
    },
    "thread.create": {
      before: nothing,
      command: () => createThread({ threadId: "second" }),
      events: ["thread.created"],
    },
    "thread.meta.update": {
      before: nothing,
      command: () => command("thread.meta.update", { ...thread, title: "New" }),
      events: ["thread.meta-updated"],
    },
    "thread.archive": {
      before: nothing,
      command: () => command("thread.archive", thread),
      events: ["thread.archived"],
    },
    "thread.unarchive": {
      before: archived,
      command: () => command("thread.unarchive", thread),
      events: ["thread.unarchived"],
    },
    "thread.delete": { before: nothing, command: () => command("thread.delete", thread), events: ["thread.deleted"] },
    "thread.turn.start": {
      before: nothing,
      command: () => startTurn("turn"),
      events: ["thread.message-sent", "thread.turn-start-requested"],
    },
    "thread.turn.interrupt": {
      // A turn that the node has not heard of would be settled at once.
      before: async () => {
        await oneTurn();
        await until(() => world.nodes.runs.length === 1);
      },
      command: () => command("thread.turn.interrupt", thread),
      events: ["thread.turn-interrupt-requested"],
    },
    "thread.turn.cancel-queued": {
      before: twoTurns,
      command: () => command("thread.turn.cancel-queued", { ...thread, turnId: "waiting" }),
      events: ["thread.turn-dequeued"],
    },
    "thread.approval.respond": {
      before: oneTurn,
      command: () => command("thread.approval.respond", { ...thread, requestId: "question", decision: "accept" }),
      events: ["thread.approval-response-requested"],
    },
    "thread.checkpoint.revert": {
      before: ended,
      command: () => command("thread.checkpoint.revert", { ...thread, turnCount: 1 }),
      events: ["thread.checkpoint-revert-requested"],
    },
    "thread.session.stop": {
      before: twoTurns,
      command: () => command("thread.session.stop", thread),
      events: ["thread.session-stop-requested", "thread.turn-settled", "thread.turn-dequeued"],
    },
  };

  it.each(Object.entries(CASES))("%s is accepted and leaves its events (ORC-15)", async (_type, one) => {
    await one.before();
    const before = await log();
    const result = await world.dispatch(one.command());
    const after = await log();
    expect(after.slice(before.length).map((event) => event.eventType)).toEqual(one.events);
    expect(result).toEqual({ generation: "generation-1", sequence: after.at(-1)?.sequence, receipt: "accepted" });
  });

  const hides = new Map<string, string>([["project.create", "permission_denied"]]);
  for (const type of ["project.meta.update", "project.delete", "thread.create"]) hides.set(type, "project_not_found");

  it.each(Object.entries(CASES))(
    "NOD-2 %s asks for the role in its own session, whatever one owns elsewhere",
    async (type, one) => {
      await one.before();
      const before = await log();
      const viewer = callerOf("viewer", { session: "viewer", "other-session": "owner" });
      expect(await world.refusal(one.command(), viewer)).toBe("permission_denied");
      expect(await world.refusal(one.command(), STRANGER)).toBe(hides.get(type) ?? "thread_not_found");
      expect(await log()).toEqual(before);
    },
  );

  const ending = [
    "thread.turn.interrupt",
    "thread.turn.cancel-queued",
    "thread.approval.respond",
    "thread.session.stop",
  ];

  it.each(Object.entries(CASES))(
    "NOD-1 %s begins nothing in an archived session, and may end what runs",
    async (type, one) => {
      await one.before();
      const before = await log();
      const caller: Caller = { ...OWNER, archivedSessions: new Set(OWNER.roles.keys()) };
      if (ending.includes(type))
        expect(await world.dispatch(one.command(), caller)).toMatchObject({ receipt: "accepted" });
      else {
        expect(await world.refusal(one.command(), caller)).toBe("session_archived");
        expect(await log()).toEqual(before);
        // It leaves no receipt: the same command runs once the session is open again.
        const again = one.command();
        expect(await world.refusal(again, caller)).toBe("session_archived");
        expect(await world.dispatch(again)).toMatchObject({ receipt: "accepted" });
      }
    },
  );
});

onBothDatabases("the envelope of an event", () => {
  it("is whole: counted per store and per stream without a gap, by the hub's clock, with its cause (ORC-2, ORC-3)", async () => {
    world.time.advance(1_234);
    const start = startTurn("turn", { clientCreatedAt: "2020-01-01T00:00:00Z" });
    await world.dispatch(start, COLLABORATOR);
    await world.ingest(1, [delta(0, "hello")]);
    const events = await log();
    expect(events.map((event) => event.sequence)).toEqual(events.map((_event, index) => index + 1));
    for (const event of events) {
      expect(EventEnvelope.parse(event)).toBeDefined();
      expect(WireEvent.parse(event)).toEqual(event);
    }
    const ofThread = events.filter((event) => event.streamId === "thread");
    expect(ofThread.map((event) => event.streamVersion)).toEqual(ofThread.map((_event, index) => index + 1));
    expect(ofThread.every((event) => event.aggregateKind === "thread")).toBe(true);
    const [sent, requested, text] = ofThread.slice(1);
    expect(sent).toMatchObject({
      eventType: "thread.message-sent",
      occurredAt: "2026-01-01T00:00:01.234Z",
      commandId: start.commandId,
      correlationId: start.commandId,
      causationEventId: null,
      actorKind: "client",
      actorId: "collaborator",
      spaceId: "space",
      schemaVersion: "1.0",
      metadata: { clientCreatedAt: "2020-01-01T00:00:00Z" },
    });
    expect(requested).toMatchObject({ commandId: start.commandId, causationEventId: sent?.eventId });
    expect(text).toMatchObject({
      actorKind: "provider",
      actorId: "node",
      commandId: null,
      metadata: { ingestedAt: "2026-01-01T00:00:01.234Z", clientCreatedAt: "2026-01-01T00:00:00.000Z" },
    });
  });

  it("carries a new UUIDv7 as eventId, in the order of the log (ORC-1)", async () => {
    await world.dispatch(startTurn("turn"));
    const eventIds = (await log()).map((event) => event.eventId);
    expect(eventIds).toEqual([...eventIds].sort());
    for (const eventId of eventIds) expect(eventId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });
});

onBothDatabases("who may give it", () => {
  it("anyone with a writing role in the project's session, and no viewer", async () => {
    const rename = (title: string) => command("thread.meta.update", { ...thread, title });
    await world.dispatch(rename("a"), COLLABORATOR);
    expect(await world.refusal(rename("b"), VIEWER)).toBe("permission_denied");
    expect(await world.refusal(createProject({ projectId: "x" }), VIEWER)).toBe("permission_denied");
    expect(await world.refusal(createProject({ projectId: "x" }), STRANGER)).toBe("permission_denied");
  });

  it("a stranger learns nothing: not mine and not there are the same answer, the first time and again", async () => {
    const attempts = [
      (threadId: string) => command("thread.archive", { threadId, commandId: `again-${threadId}` }),
      (threadId: string) => command("thread.meta.update", { threadId, title: "x", commandId: `again-${threadId}` }),
      (threadId: string) => startTurn("turn", { threadId, commandId: `again-${threadId}` }),
    ];
    for (const attempt of attempts) {
      const answers = await Promise.all(
        ["thread", "nowhere"].map((threadId) =>
          world.dispatch(attempt(threadId), STRANGER).catch((error: Error & { toBody(): unknown }) => error.toBody()),
        ),
      );
      expect(answers[0]).toMatchObject({ code: "thread_not_found" });
      expect(answers[0]).toEqual(answers[1]);
    }
    const remove = (projectId: string) => command("project.delete", { projectId });
    expect(await world.refusal(remove("project"), STRANGER)).toBe("project_not_found");
    expect(await world.refusal(remove("nowhere"), STRANGER)).toBe("project_not_found");
    expect(await world.refusal(createThread({ threadId: "new" }), STRANGER)).toBe("project_not_found");
    expect(await world.rows("SELECT * FROM orchestration_command_receipts WHERE command_id LIKE 'again%'")).toEqual([]);
  });

  it("the owner of another space meets none of this one's ids, also with the same ids of his own", async () => {
    const other = callerOf("owner", { session: "owner" }, "other-space");
    expect(await world.refusal(command("thread.archive", thread), other)).toBe("thread_not_found");
    await world.dispatch(createProject({ commandId: "same" }), other);
    await world.dispatch(createThread(), other);
    await world.dispatch(command("thread.archive", { ...thread, commandId: "same" }));
    await world.dispatch(startTurn("turn"), other);
    expect(await world.rows("SELECT space_id, archived_at FROM projection_threads ORDER BY space_id")).toMatchObject([
      { space_id: "other-space", archived_at: null },
      { space_id: "space", archived_at: "2026-01-01T00:00:00.000Z" },
    ]);
  });
});

onBothDatabases("what a node may report", () => {
  const rejected = () => world.rows("SELECT node_id, sequence, code FROM ingest_rejected ORDER BY node_id, sequence");

  it("is about threads of its own projects only; anything else is written down as refused (ORC-16)", async () => {
    await world.dispatch(startTurn("turn"));
    const reports = [delta(0, "x"), settle("turn"), finishDiff("turn", 1), askApproval("q"), finishRevert(1)];
    for (const node of ["other-node", "strange-node"])
      expect(await world.ingest(1, reports, nodeIdentity(node))).toEqual({ lastSequence: reports.length });
    const refused = await rejected();
    expect(refused).toHaveLength(2 * reports.length);
    expect(new Set(refused.map((row) => row["code"]))).toEqual(new Set(["permission_denied"]));
    expect(await world.eventTypes()).toEqual(["thread.created", "thread.message-sent", "thread.turn-start-requested"]);
  });

  it("never crosses a space (ORC-16)", async () => {
    await world.dispatch(startTurn("turn"));
    await world.ingest(1, [settle("turn")], nodeIdentity("node", "other-space"));
    expect(await rejected()).toMatchObject([{ code: "thread_not_found" }]);
    expect(await world.eventTypes()).not.toContain("thread.turn-settled");
  });

  it("is never taken from a client, whatever its content says (ORC-4, ORC-16)", async () => {
    await world.dispatch(startTurn("turn"));
    const smuggled = {
      ...internal("thread.turn.settle", { turnId: "turn", status: "error", reason: null, detail: null }),
    };
    const asClient = { ...smuggled, commandId: "c", actorKind: "server" } as unknown as ClientCommand;
    await expect(world.dispatch(asClient)).rejects.toThrow();
    expect(await world.eventTypes()).not.toContain("thread.turn-settled");
    await world.dispatch(command("thread.meta.update", { ...thread, title: "still serving" }));
  });
});
