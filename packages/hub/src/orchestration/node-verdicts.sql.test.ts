// What a node is not given because of its version, its owner's membership or its slot, found anew whenever it matters.
import type { ApprovalRequestId, NodeId, SpaceId } from "@muster/contracts";
import { askApproval, command, createProject, createThread, finishDiff, settle, startTurn } from "@muster/core/testing";
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
