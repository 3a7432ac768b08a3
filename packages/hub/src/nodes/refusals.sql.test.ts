// What nodes and their owners are refused, each with its own code, and that nothing has changed then.
import { MusterError, type NodeId, SESSION_NODES_MAX, type SessionId } from "@muster/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { NodeCaller } from "../ports.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { NODE, type NodesWorld, openNodesWorld } from "./testing/nodes-world.ts";

let world: NodesWorld;
let stranger: NodeCaller;
beforeEach(async () => {
  world = await openNodesWorld();
  stranger = await world.addPerson("stranger");
});
afterEach(() => world.close());

const declare = (more: Partial<Parameters<NodesWorld["nodes"]["declare"]>[1]> = {}, by = world.owner) =>
  world.nodes.declare(by, { nodeId: NODE, epoch: 1, capabilities: {}, ...more });
const beat = (epoch: number, by = world.owner, nodeId = NODE) =>
  world.nodes.beat(by, { nodeId, epoch, healthState: "online" });
const itself = (epoch: number) => ({ spaceId: world.spaceId, nodeId: NODE, epoch });
const beatItself = (epoch: number, connectionId = "c1") =>
  world.nodes.heartbeat({ ...itself(epoch), connectionId, healthState: "online" });
const state = async () => (await world.slot())?.state;

/** The body that travels; nothing may have changed when it comes. */
const refusal = async (work: () => Promise<unknown>): Promise<unknown> => {
  const before = await world.dump();
  const error = await work().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MusterError)) throw new Error(`no refusal: ${String(error)}`);
  expect(await world.dump()).toBe(before);
  return error.toBody();
};

onBothDatabases("an epoch", () => {
  it("NOD-15 that is older or newer than the node's is refused by whatever is fenced, and changes nothing", async () => {
    await world.hello();
    await world.hello({ incarnation: "process-2", connectionId: "c2" });
    world.opened.clock.advance(40_000);
    await world.nodes.sweep();
    for (const epoch of [1, 3, Number.MAX_SAFE_INTEGER]) {
      const stale = { code: "runtimenode.stale_epoch", details: { epoch, current: 2 } };
      world.opened.clock.advance(2_000);
      expect(await refusal(() => beat(epoch))).toMatchObject(stale);
      expect(await refusal(() => beatItself(epoch))).toMatchObject(stale);
      expect(await refusal(() => beatItself(epoch, "c2"))).toMatchObject(stale);
      expect(await refusal(() => declare({ epoch }))).toMatchObject(stale);
      expect(await refusal(() => world.nodes.capabilities({ ...itself(epoch), capabilities: {} }))).toMatchObject(
        stale,
      );
      expect(await refusal(() => world.nodes.detach(world.owner, { nodeId: NODE, epoch }))).toMatchObject(stale);
    }
    expect(await world.slot()).toMatchObject({ health: "degraded", state: "online" });
  });

  it("NOD-15 is the node's own: a late detach of a process that is gone ends nothing of the one that runs", async () => {
    await world.attach();
    await world.hello();
    await world.hello({ incarnation: "process-2", connectionId: "c2" });
    await refusal(() => world.nodes.detach(world.owner, { nodeId: NODE, epoch: 1, reason: "stopping" }));
    expect(await state()).toBe("online");
    await world.nodes.detach(world.owner, { nodeId: NODE, epoch: 2 });
    expect(await state()).toBe("offline");
  });
});

onBothDatabases("a node that is not the caller's", () => {
  it("NOD-7 NOD-13 is answered like one that is unknown, byte for byte", async () => {
    await world.hello();
    const unknown = "nobody's" as NodeId;
    const pairs = [
      (nodeId: NodeId) => world.attach({ nodeId }, stranger),
      (nodeId: NodeId) => beat(1, stranger, nodeId),
      (nodeId: NodeId) => beat(9, stranger, nodeId),
      (nodeId: NodeId) => declare({ nodeId }, stranger),
      (nodeId: NodeId) => declare({ nodeId, epoch: 9 }, stranger),
      (nodeId: NodeId) => world.attach({ nodeId, clientVersion: "9.9" }, { ...stranger, spaceId: "else" as never }),
    ];
    for (const ask of pairs) {
      world.opened.clock.advance(2_000);
      const [another, none] = [await refusal(() => ask(NODE)), await refusal(() => ask(unknown))];
      expect(another).toMatchObject({ code: "runtimenode.permission_denied" });
      expect(JSON.stringify(another)).toBe(JSON.stringify(none));
    }
    const before = await world.dump();
    for (const nodeId of [NODE, unknown])
      for (const epoch of [undefined, 1, 9])
        expect(await world.nodes.detach(stranger, { nodeId, ...(epoch === undefined ? {} : { epoch }) })).toBe(
          undefined,
        );
    expect(await world.dump()).toBe(before);
  });

  it("NOD-16 is revoked by an owner of the session, in the session where it has a slot, and only there", async () => {
    const other = await world.addSession("other");
    const { spaceId } = world;
    await world.enrol("theirs", stranger);
    const nodeId = "theirs" as NodeId;
    await world.attach({ nodeId }, stranger);
    const revoke = (sessionId: SessionId, which: NodeId) =>
      world.nodes.revoke({ spaceId, actorId: world.ownerId }, { sessionId, nodeId: which });
    const elsewhere = await refusal(() => revoke(other, nodeId));
    expect(elsewhere).toMatchObject({ code: "runtimenode.permission_denied" });
    expect(await refusal(() => revoke(other, "nobody's" as NodeId))).toEqual(elsewhere);
    await revoke(world.sessionId, nodeId);
    expect((await world.slot(nodeId))?.state).toBe("revoked");
    const [act] = await world.opened.query("SELECT actor_id, subject FROM audit_log WHERE action = 'node.revoked'");
    expect(act).toEqual({ actor_id: world.ownerId, subject: nodeId });
  });
});

onBothDatabases("a capability update", () => {
  it("NOD-14 with healthChanges is refused while the slot registers: no detour leads to online", async () => {
    await world.attach();
    await world.opened.run("UPDATE nodes SET epoch = 1");
    for (const health of ["degraded", "online"] as const)
      expect(await refusal(() => declare({ healthChanges: { state: health } }))).toMatchObject({
        code: "runtimenode.capabilityupdate_conflict",
      });
    // Capabilities alone open nothing while the uplink is down.
    expect(await declare()).toMatchObject({ state: "registering" });
    expect(await state()).toBe("registering");
  });

  it("NOD-14 NOD-5 moves an open slot between online and degraded, and answers the time of the hub", async () => {
    await world.hello();
    world.opened.clock.advance(7_000);
    const updatedAt = "2026-01-01T00:00:07.000Z";
    const told = { state: "degraded", reason: "the disk is full" } as const;
    expect(await declare({ healthChanges: told })).toEqual({ nodeId: NODE, state: "degraded", updatedAt });
    expect(await declare()).toMatchObject({ state: "degraded" });
    expect(await world.slot()).toMatchObject({ state: "degraded", health: "online" });
    expect(await declare({ healthChanges: { state: "online" } })).toMatchObject({ state: "online" });
  });

  it("NOD-14 without an active slot is refused", async () => {
    await world.hello();
    await world.nodes.detach(world.owner, { nodeId: NODE });
    const conflict = { code: "runtimenode.capabilityupdate_conflict" };
    expect(await refusal(() => declare())).toMatchObject(conflict);
    expect(await refusal(() => world.nodes.capabilities({ ...itself(1), capabilities: {} }))).toMatchObject(conflict);
  });

  it("NOD-4 of 65 keys or 40 KiB is refused, in a hello too", async () => {
    await world.hello();
    const keys = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 1]));
    for (const capabilities of [keys, { note: "x".repeat(40 * 1024) }]) {
      const invalid = { code: "validation_failed" };
      expect(await refusal(() => world.nodes.capabilities({ ...itself(1), capabilities }))).toMatchObject(invalid);
      expect(await refusal(() => world.hello({ capabilities, connectionId: "c2" }))).toMatchObject(invalid);
    }
  });
});

onBothDatabases("an attach", () => {
  it("NOD-14 while the uplink is down waits for it; a node given up for dead that is heard again need not say hello", async () => {
    await world.attach();
    expect(await state()).toBe("registering");
    await world.hello();
    expect(await state()).toBe("online");
    await world.nodes.detach(world.owner, { nodeId: NODE });
    world.opened.clock.advance(61_000);
    await world.nodes.sweep();
    await world.attach();
    expect(await state()).toBe("registering");
    world.opened.clock.advance(61_000);
    await world.nodes.sweep();
    await beatItself(1);
    expect(await world.slot()).toMatchObject({ state: "online", health: "online" });
  });

  it("NOD-19 NOD-20 to a session that is full is refused with the limit; one that has its slot comes back to it", async () => {
    await world.attach();
    await world.opened.run(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${SESSION_NODES_MAX - 1})
       INSERT INTO runtime_node_attachments (space_id, id, session_id, participant_id, node_id, client_version, state, epoch, attached_at)
       SELECT '${world.spaceId}', 'slot-' || i, '${world.sessionId}', '${world.ownerId}', 'other-' || i, '0.1', 'offline', 1, '' FROM n`,
    );
    await world.attach();
    const nodeId = await world.enrol("one-too-many");
    expect(await refusal(() => world.attach({ nodeId }))).toMatchObject({
      code: "resource.limit_exceeded",
      details: { resource: "nodes", limit: SESSION_NODES_MAX, current: SESSION_NODES_MAX },
    });
    await world.nodes.revoke(world.owner, { sessionId: world.sessionId, nodeId: NODE });
    await world.attach({ nodeId });
  });

  it("NOD-16 to a session that is not active is refused", async () => {
    await world.opened.run("UPDATE sessions SET state = 'archived'");
    expect(await refusal(() => world.attach())).toMatchObject({ code: "runtimenode.permission_denied" });
  });
});

onBothDatabases("what else is refused", () => {
  it("NOD-18 a detach for the reason that is the hub's own", async () => {
    await world.hello();
    const detach = async () => world.nodes.detach(world.owner, { nodeId: NODE, reason: "lease_expired" });
    expect(await refusal(detach)).toMatchObject({ code: "validation_failed" });
  });

  it("NOD-20 heartbeats of one node over HTTP that come closer than a second", async () => {
    await world.hello();
    await world.hello({ nodeId: await world.enrol("another"), connectionId: "c2" });
    await beat(1);
    world.opened.clock.advance(999);
    expect(await refusal(() => beat(1))).toMatchObject({ code: "rate_limited", details: { retryAfterSeconds: 1 } });
    await beat(1, world.owner, "another" as NodeId);
    world.opened.clock.advance(1);
    await beat(1);
  });
});

onBothDatabases("the reason of a change of health", () => {
  it("NOD-6 is kept nowhere, and its state is the slot's", async () => {
    await world.hello();
    const before = (await world.rows("runtime_node_attachment_log")).length;
    const healthChanges = { state: "degraded" as const, reason: "the fan is loud" };
    const declared = { nodeId: NODE, epoch: 1, capabilities: {}, healthChanges };
    expect(await world.nodes.declare(world.owner, declared)).toMatchObject({ state: "degraded" });
    expect(await world.slot()).toMatchObject({ state: "degraded", health: "online", detachReason: null });
    expect(await world.dump()).not.toContain("fan");
    expect(await world.rows("runtime_node_attachment_log")).toHaveLength(before);
  });
});
