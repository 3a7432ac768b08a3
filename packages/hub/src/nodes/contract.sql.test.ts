// The contract of runtime nodes, property by property: versions against the floor, liveness, and one session at a time.
// "Unchanged" is meant row by row and byte by byte.
import type { NodeId, SessionId } from "@muster/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { onBothDatabases } from "../schema/test-databases.ts";
import { NODE, type NodesWorld, openNodesWorld } from "./testing/nodes-world.ts";

let world: NodesWorld;
beforeEach(async () => {
  world = await openNodesWorld();
});
afterEach(() => world.close());

const setFloor = (floor: string | null) => world.opened.run("UPDATE sessions SET min_client_version = ?", floor);
/** Over HTTP, as the owner of the node. */
const declare = (more: Partial<Parameters<NodesWorld["nodes"]["declare"]>[1]> = {}) =>
  world.nodes.declare(world.owner, { nodeId: NODE, epoch: 1, capabilities: { hostname: "new" }, ...more });
/** Over the uplink, as the node itself. */
const declareItself = (epoch = 1) =>
  world.nodes.capabilities({ spaceId: world.spaceId, nodeId: NODE, epoch, capabilities: { hostname: "own" } });
const beatItself = (epoch = 1, nodeId = NODE, connectionId = "c1") =>
  world.nodes.heartbeat({ spaceId: world.spaceId, nodeId, epoch, connectionId, healthState: "online" });
const beat = (epoch = 1) => world.nodes.beat(world.owner, { nodeId: NODE, epoch, healthState: "online" });
const detach = (more: { epoch?: number; reason?: string } = {}) =>
  world.nodes.detach(world.owner, { nodeId: NODE, ...more });
const bytes = async (...tables: string[]) => JSON.stringify(await Promise.all(tables.map(world.rows)));
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: { code?: string }) => error.code ?? String(error),
  );
const slotRows = () => world.rows("runtime_node_attachments");

onBothDatabases("runtime nodes", () => {
  it("NOD-11 P1: null floor admits all", async () => {
    for (const clientVersion of ["0.0", "0.1.0", "1.10", "999999.0", "0.1-dev", "unreleased"]) {
      expect(await world.attach({ clientVersion })).toMatchObject({ readOnly: false });
      await world.hello({ clientVersion });
      expect(await world.slot()).toMatchObject({ state: "online", readOnly: false, clientVersion });
      expect(await declare()).toMatchObject({ state: "online" });
      await declareItself();
    }
  });

  it("NOD-11 NOD-12 P2: at or above floor writes", async () => {
    await setFloor("1.9");
    for (const clientVersion of ["1.9", "1.9.0", "1.10", "1.10.3-rc1", "2.0", "10.0"]) {
      expect(await world.attach({ clientVersion })).toMatchObject({ readOnly: false });
      await world.hello({ clientVersion });
      expect(await world.slot()).toMatchObject({ readOnly: false });
      expect(await declare()).toMatchObject({ state: "online" });
      await declareItself();
    }
  });

  it("NOD-11 NOD-12 P3: below floor read-only", async () => {
    await setFloor("1.10");
    for (const clientVersion of ["1.9", "1.9.99", "0.99", "unreleased"]) {
      expect(await world.attach({ clientVersion })).toMatchObject({ state: "registering", readOnly: true });
      expect(await world.hello({ clientVersion })).toEqual({ epoch: 1, hasSlot: true });
      expect(await world.slot()).toMatchObject({ state: "online", readOnly: true, clientVersion });
      expect(await codeOf(declare())).toBe("version.floor_exceeded");
    }
    world.opened.clock.advance(31_000);
    await world.nodes.sweep();
    expect(await world.slot()).toMatchObject({ health: "degraded", readOnly: true });
    await beat();
    expect(await world.slot()).toMatchObject({ health: "online", readOnly: true });
  });

  it("NOD-11 NOD-10 P4: read-only write refused and node stays", async () => {
    await world.hello();
    await setFloor("0.2");
    const before = await world.dump();
    expect(await codeOf(declare())).toBe("version.floor_exceeded");
    expect(await codeOf(declareItself())).toBe("version.floor_exceeded");
    const healthChanges = { state: "degraded" as const };
    expect(await codeOf(declare({ healthChanges }))).toBe("version.floor_exceeded");
    expect(await world.dump()).toBe(before);
    expect(await world.slot()).toMatchObject({ state: "online", readOnly: true, detachedAt: null });
    world.opened.clock.advance(1_000);
    await beatItself();
    expect((await world.slot())?.lastHeartbeatAt).toBe("2026-01-01T00:00:01.000Z");
    const [joined] = await slotRows();
    // Upgraded: a new process says hello, and nobody attached or invited it anew.
    await world.hello({ incarnation: "process-2", connectionId: "c2", clientVersion: "0.10.0" });
    expect(await world.slot()).toMatchObject({ state: "online", readOnly: false, epoch: 2 });
    expect((await slotRows()).map(({ id }) => id)).toEqual([joined?.["id"]]);
    expect(await declare({ epoch: 2 })).toMatchObject({ state: "online" });
    // The floor falls: the verdict was stored nowhere.
    await world.hello({ incarnation: "process-2", connectionId: "c3", clientVersion: "0.1.0" });
    expect(await codeOf(declareItself(2))).toBe("version.floor_exceeded");
    await setFloor(null);
    await declareItself(2);
  });

  it("NOD-16 P5: several nodes, session unchanged", async () => {
    const before = await bytes("sessions", "session_memberships", "spaces");
    const friend = await world.addPerson("friend", null);
    await world.opened.run(
      `INSERT INTO session_memberships SELECT space_id, session_id, 'friend', 'runtime_contributor', 'active', 't', 't' FROM sessions`,
    );
    const joined = await bytes("sessions", "session_memberships", "spaces");
    expect(joined).not.toBe(before);
    const nodeIds = ["n1", "n2", "n3"] as NodeId[];
    for (const [index, nodeId] of nodeIds.entries()) {
      const owner = index === 0 ? world.owner : friend;
      await world.enrol(nodeId, owner);
      await world.attach({ nodeId }, owner);
      await world.hello({ nodeId, connectionId: nodeId });
      world.opened.clock.advance(1_000);
    }
    const roster = await world.nodes.list(world.spaceId, [world.sessionId]);
    expect(roster.map(({ nodeId, state, health, ownerName }) => [nodeId, state, health, ownerName])).toEqual([
      ["n3", "online", "online", "friend"],
      ["n2", "online", "online", "friend"],
      ["n1", "online", "online", "Owner"],
    ]);
    await world.nodes.detach(friend, { nodeId: "n2" as NodeId });
    await world.nodes.revoke(world.owner, { sessionId: world.sessionId, nodeId: "n3" as NodeId });
    expect(await bytes("sessions", "session_memberships", "spaces")).toBe(joined);
  });

  it("NOD-17 NOD-9 P6: heartbeat and sweep 30 s / 60 s", async () => {
    await world.attach();
    await world.hello();
    const health = async () => (await world.slot())?.health;
    const after = async (milliseconds: number) => {
      world.opened.clock.advance(milliseconds);
      const changes = await world.nodes.sweep();
      return [changes, await health()];
    };
    expect(await after(15_000)).toEqual([0, "online"]);
    expect(await after(15_000)).toEqual([0, "online"]);
    expect(await after(1)).toEqual([1, "degraded"]);
    expect(await after(29_999)).toEqual([0, "degraded"]);
    expect(await after(1)).toEqual([1, "offline"]);
    expect(await after(5_000)).toEqual([0, "offline"]);
    expect((await world.slot())?.state).toBe("online");
    await beatItself();
    expect(await health()).toBe("online");
    expect(await after(30_001)).toEqual([1, "degraded"]);
    await beat();
    expect(await health()).toBe("online");
    // Beats every 15 s: never in doubt.
    for (let beats = 0; beats < 8; beats += 1) {
      expect(await after(15_000)).toEqual([0, "online"]);
      await beatItself();
    }
  });

  it("NOD-16 P7: attach leaves memberships", async () => {
    const other = await world.addSession("other");
    const before = await bytes("session_memberships");
    await world.attach();
    await world.attach();
    await world.hello();
    expect(await codeOf(world.attach({ sessionId: other }))).toBe("runtimenode.attach_conflict");
    await detach();
    await world.attach({ sessionId: other });
    expect(await bytes("session_memberships")).toBe(before);
    // Nor does a membership that ends change a slot: what follows of it is derived.
    const slots = await bytes("runtime_node_attachments", "runtime_node_presence", "nodes");
    await world.opened.run("UPDATE session_memberships SET state = 'revoked'");
    expect(await bytes("runtime_node_attachments", "runtime_node_presence", "nodes")).toBe(slots);
    expect(await world.slot(NODE, other)).toMatchObject({ suspended: true, state: "online" });
    expect(await codeOf(declare())).toBe("runtimenode.permission_denied");
    await beat();
  });

  it("NOD-16 P8: detach leaves memberships", async () => {
    await world.attach();
    await world.hello();
    const before = await bytes("session_memberships", "runtime_node_presence", "nodes", "sessions");
    await detach({ epoch: 1, reason: "moving house" });
    await detach({ epoch: 1 });
    await detach();
    expect(await bytes("session_memberships", "runtime_node_presence", "nodes", "sessions")).toBe(before);
    expect(await world.slot()).toMatchObject({ state: "offline", health: "online", detachReason: "moving house" });
    const log = await world.opened.query(
      "SELECT action, reason FROM runtime_node_attachment_log WHERE action = 'detached'",
    );
    expect(log).toEqual([{ action: "detached", reason: "moving house" }]);
  });

  it("NOD-8 NOD-13 NOD-6 P9: single active session and reconnect", async () => {
    const other = await world.addSession("secret-session");
    const first = await world.attach();
    expect(first).toMatchObject({ state: "registering", epoch: 0 });
    const again = await world.attach();
    expect(again).toMatchObject({ state: "registering", attachmentId: first.attachmentId });
    await world.hello();
    const before = await world.dump();
    const refused = await world.attach({ sessionId: other }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "runtimenode.attach_conflict", details: undefined });
    expect(JSON.stringify(refused)).not.toContain(world.sessionId);
    expect(await world.dump()).toBe(before);
    // On an active slot whose uplink is up it answers `registering`, and the slot is open again with that very commit.
    expect(await world.attach()).toMatchObject({ state: "registering", attachmentId: first.attachmentId, epoch: 1 });
    expect(await world.slot()).toMatchObject({ state: "online" });
    await detach();
    expect(await world.attach({ sessionId: other })).toMatchObject({ state: "registering" });
    expect(await codeOf(world.attach())).toBe("runtimenode.attach_conflict");
    await detach();
    // Reconnect after detach: the same row, and its history tells of every turn.
    expect(await world.attach()).toMatchObject({ attachmentId: first.attachmentId });
    const log = await world.opened.query("SELECT action FROM runtime_node_attachment_log ORDER BY at, log_id");
    expect(log.map(({ action }) => action)).toEqual([
      ...["attached", "attached", "attached", "attached", "detached"],
      ...["attached", "detached", "attached"],
    ]);
  });

  it("NOD-13 NOD-16 P10: revoked is terminal", async () => {
    const other = await world.addSession("other");
    await world.attach();
    await world.hello();
    const revoke = () => world.nodes.revoke(world.owner, { sessionId: world.sessionId, nodeId: NODE, reason: "lost" });
    await revoke();
    expect(await world.slot()).toMatchObject({ state: "revoked", detachReason: "lost", epoch: 1 });
    const before = await world.dump();
    await revoke();
    const refusals = [
      ...[await codeOf(world.attach()), await codeOf(world.hello())],
      await codeOf(world.hello({ incarnation: "process-2", connectionId: "c2" })),
      ...[await codeOf(beatItself()), await codeOf(beat()), await codeOf(declare()), await codeOf(declareItself())],
      await codeOf(detach({ epoch: 1 })),
    ];
    expect(refusals).toEqual([
      ...Array(3).fill("runtimenode.attach_revoked"),
      ...Array(5).fill("runtimenode.stale_epoch"),
    ]);
    await detach();
    expect(await world.dump()).toBe(before);
    expect(await codeOf(declare({ epoch: 2 }))).toBe("runtimenode.capabilityupdate_conflict");
    // It bars this session alone.
    expect(await world.attach({ sessionId: other as SessionId })).toMatchObject({ epoch: 2 });
    expect(await world.hello({ connectionId: "c3" })).toEqual({ epoch: 2, hasSlot: true });
    expect(await world.slot()).toMatchObject({ state: "revoked" });
  });
});
