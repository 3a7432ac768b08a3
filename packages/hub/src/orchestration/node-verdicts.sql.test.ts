// What a node is not given because of its version, its owner's membership or its slot, found anew whenever it matters.
import type { ApprovalRequestId, NodeId, SpaceId, ThreadId, TurnId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import {
  activity,
  askApproval,
  command,
  createProject,
  createThread,
  delta,
  finishDiff,
  internal,
  settle,
  startTurn,
} from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EFFECT_LEASE_MS } from "./effect-worker.ts";
import { nodeIdentity, onBothDatabases, openWorld, settled, until, type World } from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await world.dispatch(createProject());
  await world.dispatch(createThread());
});
afterEach(() => world.close());

const setFloor = (floor: string | null) => world.run("UPDATE sessions SET min_client_version = ?", floor);
const setVersion = (version: string) => world.run("UPDATE runtime_node_attachments SET client_version = ?", version);
const setMember = (state: string, role = "owner") =>
  world.run("UPDATE session_memberships SET state = ?, role = ? WHERE participant_id = 'owner'", state, role);
const setSlot = (state: string) =>
  world.run("UPDATE runtime_node_attachments SET state = ? WHERE node_id = 'node'", state);
const comeBack = () => {
  world.nodes.connected.add("node");
  world.orchestration.nodeConnected("space" as SpaceId, "node" as NodeId);
};
const turns = () =>
  world.rows("SELECT turn_id, status, reason FROM projection_thread_turns ORDER BY requested_at, turn_id");
const ended = (turnId: string) =>
  until(async () => (await turns()).some((turn) => turn["turn_id"] === turnId && turn["status"] === "error"));
const started = () =>
  world.nodes.runs.flatMap(({ effect }) => (effect.kind === "node.turn.start" ? [effect.turnId] : []));

onBothDatabases("a node below the floor", () => {
  it("NOD-11 NOD-10 is given no new turn, and is again once it is upgraded or the floor is gone", async () => {
    await setFloor("1.1");
    expect(await world.refusal(startTurn("a"))).toBe("version.floor_exceeded");
    await setVersion("1.10");
    await world.dispatch(startTurn("a"));
    await until(() => started().length === 1);
    await setVersion("1.0");
    expect(await world.refusal(startTurn("b", { whenBusy: "queue" }))).toBe("version.floor_exceeded");
    await setFloor(null);
    await world.dispatch(startTurn("b", { whenBusy: "queue" }));
  });

  it("NOD-11 ends the turn it has been given, which is told, answered and taken; what waited behind ends with the code", async () => {
    world.nodes.onRun = ({ effectId, fence }) => {
      void world.orchestration.effectResult(nodeIdentity(), { effectId, fence });
      return true;
    };
    await world.dispatch(startTurn("running"));
    await world.dispatch(startTurn("second", { whenBusy: "queue" }));
    world.time.advance(1);
    await world.dispatch(startTurn("third", { whenBusy: "queue" }));
    await until(() => started().length === 1);
    await setFloor("2.0");
    await world.ingest(1, [askApproval("question", { turnId: "running" })]);
    await world.dispatch(
      command("thread.approval.respond", {
        threadId: "thread",
        requestId: "question" as ApprovalRequestId,
        decision: "accept",
      }),
    );
    await until(() => world.nodes.kinds.includes("node.approval.respond"));
    await world.ingest(2, [settle("running"), finishDiff("running", 1)]);
    await ended("third");
    expect(await turns()).toEqual([
      { turn_id: "running", status: "completed", reason: null },
      { turn_id: "second", status: "error", reason: "version.floor_exceeded" },
      { turn_id: "third", status: "error", reason: "version.floor_exceeded" },
    ]);
    expect(started()).toEqual(["running"]);
  });

  it("NOD-11 does not get a start that was accepted before and waited for it", async () => {
    world.nodes.connected.clear();
    await world.dispatch(startTurn("waiting"));
    await setFloor("2.0");
    comeBack();
    await ended("waiting");
    expect(await turns()).toEqual([{ turn_id: "waiting", status: "error", reason: "version.floor_exceeded" }]);
    const failed =
      "SELECT 1 AS one FROM orchestration_effects WHERE status = 'failed' AND last_error = 'version.floor_exceeded'";
    await until(async () => (await world.rows(failed)).length === 1);
    expect(world.nodes.runs).toEqual([]);
  });

  it("NOD-11 is sent a start again that it may have under way, and an interrupt as well", async () => {
    await world.dispatch(startTurn("sent"));
    await until(() => started().length === 1);
    await setFloor("2.0");
    world.time.advance(EFFECT_LEASE_MS + 1_000);
    await until(() => started().length === 2);
    await world.dispatch(command("thread.turn.interrupt", { threadId: "thread" }));
    await until(() => world.nodes.kinds.includes("node.turn.interrupt"));
    expect(await turns()).toMatchObject([{ turn_id: "sent", status: "running" }]);
  });

  const greet = async (...turnIds: string[]) => {
    const runningTurns = turnIds.map((turnId) => ({ threadId: "thread" as ThreadId, turnId: turnId as TurnId }));
    const hello = { runningTurns, journalId: world.journalId, journalSequence: 0 };
    await world.orchestration.reconcileNode(nodeIdentity(), hello);
    comeBack();
  };

  it.each([
    ["was lost on its way", () => true],
    ["never left", () => false],
  ])("NOD-11 does not get a start that %s, though it was handed over before", async (_how, onRun) => {
    await greet();
    world.nodes.onRun = onRun;
    await world.dispatch(startTurn("lost"));
    await until(() => started().length === 1);
    await settled();
    world.nodes.onRun = () => true;
    await setFloor("2.0");
    await greet();
    await ended("lost");
    expect(await turns()).toEqual([{ turn_id: "lost", status: "error", reason: "version.floor_exceeded" }]);
    expect(started()).toEqual(["lost"]);
  });

  it("NOD-11 does not get a start again that it has put off", async () => {
    await greet();
    await world.dispatch(startTurn("full"));
    await until(() => started().length === 1);
    await settled();
    const [{ effectId, fence } = { effectId: "", fence: 0 }] = world.nodes.runs;
    await world.orchestration.effectResult(nodeIdentity(), {
      effectId,
      fence,
      error: new MusterError("queue_full").toBody(),
    });
    await setFloor("2.0");
    world.time.advance(EFFECT_LEASE_MS + 1_000);
    await ended("full");
    expect(started()).toEqual(["full"]);
  });

  it("NOD-11 is sent a start again that its hello names, and one that was sent on the same connection", async () => {
    await greet();
    await world.dispatch(startTurn("sent"));
    await until(() => started().length === 1);
    await setFloor("2.0");
    world.time.advance(EFFECT_LEASE_MS + 1_000);
    await until(() => started().length === 2);
    await greet("sent");
    await until(() => started().length === 3);
    expect(await turns()).toMatchObject([{ turn_id: "sent", status: "running" }]);
  });

  it("NOD-12 under a floor that is none gets nothing, loudly, and nobody else is held up", async () => {
    world.nodes.connected.clear();
    await world.dispatch(startTurn("waiting"));
    await setFloor("soon");
    const [refused, renamed] = await Promise.allSettled([
      world.dispatch(startTurn("new", { whenBusy: "queue" })),
      world.dispatch(command("thread.meta.update", { threadId: "thread", title: "renamed" })),
    ]);
    expect(refused).toMatchObject({ status: "rejected" });
    expect(renamed).toMatchObject({ status: "fulfilled" });
    comeBack();
    await ended("waiting");
    expect(await turns()).toEqual([{ turn_id: "waiting", status: "error", reason: "internal_error" }]);
    expect(world.bugs.map(String).join()).toContain("malformed");
    expect(world.nodes.runs).toEqual([]);
  });
});

onBothDatabases("a project", () => {
  const another = () => createProject({ projectId: "another" });

  it.each([
    ["is suspended", () => setMember("suspended"), "runtimenode.permission_denied"],
    ["has an owner who may only write", () => setMember("active", "collaborator"), "runtimenode.permission_denied"],
    ["was detached", () => setSlot("offline"), "node_not_attached"],
    ["was revoked", () => setSlot("revoked"), "node_not_attached"],
  ])("NOD-16 is not made on a node that %s, and is refused as a turn there is", async (_what, change, code) => {
    await change();
    expect(await world.refusal(another())).toBe(code);
    expect(await world.refusal(startTurn("turn"))).toBe(code);
    expect(await world.rows("SELECT project_id FROM projection_projects")).toEqual([{ project_id: "project" }]);
  });

  it("NOD-11 is made on a node below the floor, which may look", async () => {
    await setFloor("2.0");
    await world.dispatch(another());
  });
});

onBothDatabases("a suspended node", () => {
  it.each([
    ["whose owner is suspended", () => setMember("suspended")],
    ["whose owner was revoked", () => setMember("revoked")],
    ["whose owner may only read", () => setMember("active", "viewer")],
    ["whose owner may only write", () => setMember("active", "collaborator")],
    ["of an archived session", () => world.run("UPDATE sessions SET state = 'archived'")],
  ])("NOD-16 %s is given nothing new", async (_who, suspend) => {
    world.nodes.connected.clear();
    await world.dispatch(startTurn("waiting"));
    await suspend();
    expect(await world.refusal(startTurn("new", { whenBusy: "queue" }))).toBe("runtimenode.permission_denied");
    comeBack();
    await ended("waiting");
    expect(await turns()).toEqual([{ turn_id: "waiting", status: "error", reason: "runtimenode.permission_denied" }]);
    expect(world.nodes.runs).toEqual([]);
  });

  it("NOD-16 works again with the membership, as one who contributes machines", async () => {
    await setMember("suspended");
    expect(await world.refusal(startTurn("a"))).toBe("runtimenode.permission_denied");
    await setMember("active", "runtime_contributor");
    await world.dispatch(startTurn("a"));
    await until(() => started().length === 1);
  });
});

onBothDatabases("what a node reports", () => {
  const sessionSet = (status: "running" | "ready", activeTurnId: string | null) =>
    internal("thread.session.set", {
      status,
      providerName: "sample",
      providerSessionId: null,
      providerThreadId: null,
      activeTurnId,
      lastError: null,
    });
  const rejected = () => world.rows("SELECT sequence, code FROM ingest_rejected ORDER BY sequence");
  const cursor = () => world.rows("SELECT last_sequence FROM ingest_cursors");
  const texts = () => world.rows("SELECT text FROM projection_thread_messages WHERE role = 'assistant'");
  beforeEach(async () => {
    await world.dispatch(startTurn("past"));
    await until(() => started().length === 1);
    await world.ingest(1, [settle("past")]);
    await world.dispatch(startTurn("turn"));
    await world.ingest(2, [delta(0, "before")]);
  });

  it("NOD-16 is refused in a session whose slot was revoked, and the journal goes on", async () => {
    await setSlot("revoked");
    const before = await world.eventTypes();
    expect(await world.ingest(3, [delta(6, " and after"), activity("note"), settle("turn")])).toEqual({
      lastSequence: 5,
    });
    expect(await rejected()).toEqual([3, 4, 5].map((sequence) => ({ sequence, code: "runtimenode.attach_revoked" })));
    expect(await cursor()).toEqual([{ last_sequence: 5 }]);
    expect(await world.eventTypes()).toEqual(before);
    expect(await texts()).toEqual([{ text: "before" }]);
    expect(await turns()).toContainEqual({ turn_id: "turn", status: "running", reason: null });
  });

  it("NOD-16 and cannot be read is not told in a session whose slot was revoked, nor of other turns of a suspended node", async () => {
    const unreadable = (sequence: number, turnId: string) => ({
      sequence,
      createdAt: "2026-01-01T00:00:00.000Z",
      correlationId: null,
      command: null,
      about: { type: "thread.turn.settle" as const, threadId: "thread" as ThreadId, turnId: turnId as TurnId },
    });
    const before = await world.eventTypes();
    await setSlot("revoked");
    await world.ingestEntries(3, [unreadable(3, "turn")]);
    await setSlot("online");
    await setMember("suspended");
    await world.ingestEntries(4, [unreadable(4, "past")]);
    expect(await world.eventTypes()).toEqual(before);
    expect(await rejected()).toHaveLength(2);
    await world.ingestEntries(5, [unreadable(5, "turn")]);
    expect((await world.eventTypes()).slice(before.length)).toContain("thread.turn-settled");
  });

  it("NOD-16 while it is suspended is heard of the newest turn, also behind its end, and of no other", async () => {
    await setMember("suspended");
    await world.ingest(3, [
      sessionSet("running", "turn"),
      delta(6, " and after"),
      askApproval("question", { turnId: "turn" }),
      internal("thread.approval.expire", { requestId: "question", reason: "agent_died" }),
      delta(0, "late", { turnId: "past", messageId: "late" }),
      activity("note", { turnId: null }),
      sessionSet("ready", null),
      internal("thread.approval.expire", { requestId: "never", reason: "agent_died" }),
      finishDiff("past", 1),
      settle("turn"),
      activity("note"),
    ]);
    const denied = "runtimenode.permission_denied";
    expect(await rejected()).toEqual([7, 8, 10, 11].map((sequence) => ({ sequence, code: denied })));
    expect(await cursor()).toEqual([{ last_sequence: 13 }]);
    expect(await texts()).toEqual([{ text: "before and after" }]);
    expect(await turns()).toContainEqual({ turn_id: "turn", status: "completed", reason: null });
    await setMember("active");
    await world.ingest(14, [activity("note")]);
    expect(await rejected()).toHaveLength(4);
  });

  it.each([
    ["below the floor", () => setFloor("2.0")],
    ["after its slot was released", () => setSlot("offline")],
  ])("NOD-11 NOD-18 %s is heard as ever", async (_when, change) => {
    await change();
    await world.ingest(3, [delta(6, " and after"), activity("note", { turnId: null }), settle("turn")]);
    expect(await rejected()).toEqual([]);
    expect(await texts()).toEqual([{ text: "before and after" }]);
  });

  it("NOD-16 is measured once more by the append: a revocation in between is not missed", async () => {
    await world.close();
    let isArmed = false;
    world = await openWorld({
      wrapStore: (store) => ({
        dialect: store.dialect,
        read: (query) => store.read(query),
        readTransaction: (queries) => store.readTransaction(queries),
        migrate: (set, stamp) => store.migrate(set, stamp),
        close: () => store.close(),
        async commit(batch) {
          if (isArmed && batch.statements.some(({ sql }) => sql.includes("ingest_cursors"))) {
            isArmed = false;
            const sql = "UPDATE runtime_node_attachments SET state = 'revoked' WHERE node_id = 'node'";
            await store.commit({ guards: [], statements: [{ sql, parameters: [] }] });
          }
          return store.commit(batch);
        },
      }),
    });
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await world.dispatch(startTurn("turn"));
    isArmed = true;
    await world.ingest(1, [delta(0, "too late")]);
    expect(isArmed).toBe(false);
    expect(await rejected()).toEqual([{ sequence: 1, code: "runtimenode.attach_revoked" }]);
    expect(await texts()).toEqual([]);
  });
});

onBothDatabases("a slot", () => {
  it.each(["registering", "offline"])("NOD-14 that is %s is given no turn until it opens", async (state) => {
    world.nodes.connected.clear();
    await world.dispatch(startTurn("waiting"));
    await setSlot(state);
    comeBack();
    await settled();
    expect(world.nodes.runs).toEqual([]);
    expect(await world.rows("SELECT status, attempt_count FROM orchestration_effects")).toEqual([
      { status: "pending", attempt_count: 0 },
    ]);
    await setSlot("online");
    comeBack();
    await until(() => started().length === 1);
  });

  it("NOD-14 that is degraded is given turns like one that is online", async () => {
    await setSlot("degraded");
    await world.dispatch(startTurn("a"));
    await until(() => started().length === 1);
  });
});

onBothDatabases("an effect's result", () => {
  it("NOD-15 under an epoch that is not the node's newest changes nothing", async () => {
    await world.dispatch(startTurn("a"));
    await until(() => started().length === 1);
    const [{ effectId, fence } = { effectId: "", fence: 0 }] = world.nodes.runs;
    const effects = () => world.rows("SELECT * FROM orchestration_effects");
    await settled();
    const before = await effects();
    await world.run("UPDATE nodes SET epoch = 2 WHERE node_id = 'node'");
    for (const epoch of [1, 3])
      await world.orchestration.effectResult({ ...nodeIdentity(), epoch }, { effectId, fence });
    expect(await effects()).toEqual(before);
    await world.orchestration.effectResult({ ...nodeIdentity(), epoch: 2 }, { effectId, fence });
    expect(await effects()).toMatchObject([{ status: "succeeded" }]);
  });
});
