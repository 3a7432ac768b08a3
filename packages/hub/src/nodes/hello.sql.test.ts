// What a proven hello does to slots, by what became of them before.
import { type NodeId, SESSION_NODES_MAX, type SessionId } from "@muster/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { onBothDatabases } from "../schema/test-databases.ts";
import { NODE, type NodesWorld, openNodesWorld } from "./testing/nodes-world.ts";

let world: NodesWorld;
let other: SessionId;
beforeEach(async () => {
  world = await openNodesWorld();
  other = await world.addSession("other");
});
afterEach(() => world.close());

const slots = () =>
  world.opened.query("SELECT session_id, state, epoch FROM runtime_node_attachments ORDER BY session_id");
const log = () =>
  world.opened.query("SELECT session_id, action, epoch FROM runtime_node_attachment_log ORDER BY at, log_id");
const set = (sql: string) => world.opened.run(sql);

/** Gives slots of the default session away. */
const fill = (count: number) =>
  set(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
     INSERT INTO runtime_node_attachments (space_id, id, session_id, participant_id, node_id, client_version, state, epoch, attached_at)
     SELECT '${world.spaceId}', 'slot-' || i, '${world.sessionId}', '${world.ownerId}', 'other-' || i, '0.1', 'offline', 1, '' FROM n`,
  );

onBothDatabases("a hello", () => {
  it("NOD-14 of a node that never had a slot takes one in the default session, and opens it", async () => {
    expect(await world.hello()).toEqual({ epoch: 1, hasSlot: true });
    expect(await slots()).toEqual([{ session_id: world.sessionId, state: "online", epoch: 1 }]);
    expect(await log()).toEqual([{ session_id: world.sessionId, action: "attached", epoch: 1 }]);
  });

  it("NOD-13 takes the active slot again, in whatever session it is", async () => {
    await world.attach({ sessionId: other });
    expect(await slots()).toEqual([{ session_id: other, state: "registering", epoch: 0 }]);
    expect(await world.hello()).toEqual({ epoch: 1, hasSlot: true });
    expect(await slots()).toEqual([{ session_id: other, state: "online", epoch: 1 }]);
    expect(await world.hello({ incarnation: "process-2", connectionId: "c2" })).toEqual({ epoch: 2, hasSlot: true });
    expect(await slots()).toEqual([{ session_id: other, state: "online", epoch: 2 }]);
  });

  it("NOD-15 of the same process keeps its slot as it is, degraded too, and says anew what the node can do", async () => {
    await world.hello();
    const epoch = 1;
    const degraded = { nodeId: NODE, epoch, capabilities: {}, healthChanges: { state: "degraded" as const } };
    await world.nodes.declare(world.owner, degraded);
    const [before] = await world.rows("runtime_node_attachments");
    world.opened.clock.advance(5_000);
    await world.hello({ connectionId: "c2", capabilities: { hostname: "renamed" }, clientVersion: "0.2.0" });
    expect(await world.rows("runtime_node_attachments")).toEqual([
      { ...before, capabilities_json: '{"hostname":"renamed"}', client_version: "0.2.0" },
    ]);
    expect(await log()).toHaveLength(1);
  });

  it("NOD-14 of the same process opens a slot that was attached while it was away", async () => {
    await world.hello();
    await world.nodes.detach(world.owner, { nodeId: NODE });
    await world.nodes.disconnected({ spaceId: world.spaceId, nodeId: NODE, connectionId: "c1", expected: false });
    await world.attach({ sessionId: other });
    expect((await world.slot(NODE, other))?.state).toBe("registering");
    expect(await world.hello({ connectionId: "c2" })).toEqual({ epoch: 1, hasSlot: true });
    expect((await world.slot(NODE, other))?.state).toBe("online");
  });

  it("NOD-18 comes back to the slot that was lost to its lease, under the epoch that grew then", async () => {
    await world.attach({ sessionId: other });
    await world.hello();
    await set(
      "UPDATE runtime_node_attachments SET state = 'offline', detached_at = 'x', detach_reason = 'lease_expired'",
    );
    await set("UPDATE nodes SET epoch = 2");
    expect(await world.hello({ connectionId: "c2" })).toEqual({ epoch: 2, hasSlot: true });
    expect(await world.slot(NODE, other)).toMatchObject({
      state: "online",
      epoch: 2,
      detachedAt: null,
      detachReason: null,
    });
  });

  it("NOD-18 does not come back to a session that has ended meanwhile", async () => {
    await world.attach({ sessionId: other });
    await set("UPDATE runtime_node_attachments SET state = 'offline', detach_reason = 'lease_expired'");
    await set("UPDATE sessions SET state = 'closed' WHERE session_id = 'other'");
    expect(await world.hello()).toMatchObject({ hasSlot: false });
    expect(await slots()).toMatchObject([{ session_id: "other", state: "offline" }]);
  });

  it("NOD-16 of a node that was detached connects it without a slot, until somebody attaches it, at once online", async () => {
    await world.hello();
    await world.nodes.detach(world.owner, { nodeId: NODE, reason: "elsewhere needed" });
    const [before] = await world.rows("runtime_node_attachments");
    expect(await world.hello({ incarnation: "process-2", connectionId: "c2" })).toEqual({ epoch: 2, hasSlot: false });
    expect(await world.rows("runtime_node_attachments")).toEqual([before]);
    expect(await world.slot()).toMatchObject({
      state: "offline",
      health: "online",
      detachReason: "elsewhere needed",
      detachedAt: expect.any(String),
    });
    expect(await world.attach({ sessionId: other })).toMatchObject({ state: "registering", epoch: 2 });
    expect(await world.slot(NODE, other)).toMatchObject({ state: "online", epoch: 2 });
  });

  it("NOD-13 of a node whose last slot was revoked is refused and changes nothing, but one that works elsewhere is taken", async () => {
    await world.hello();
    await world.nodes.detach(world.owner, { nodeId: NODE });
    world.opened.clock.advance(1_000);
    await world.attach({ sessionId: other });
    await world.nodes.revoke(world.owner, { sessionId: world.sessionId, nodeId: NODE });
    expect(await world.hello({ connectionId: "c2" })).toEqual({ epoch: 1, hasSlot: true });
    await world.nodes.revoke(world.owner, { sessionId: other, nodeId: NODE });
    const before = await world.dump();
    for (const incarnation of ["process-1", "process-3"]) {
      const refused = world.hello({ incarnation, connectionId: "c3" });
      await expect(refused).rejects.toMatchObject({ code: "runtimenode.attach_revoked" });
    }
    expect(await world.dump()).toBe(before);
  });

  it("NOD-20 of a node that never had a slot is refused while the default session is full, and changes nothing", async () => {
    await fill(SESSION_NODES_MAX);
    const before = await world.dump();
    await expect(world.hello()).rejects.toMatchObject({
      code: "resource.limit_exceeded",
      details: { resource: "nodes", limit: SESSION_NODES_MAX, current: SESSION_NODES_MAX },
    });
    expect(await world.dump()).toBe(before);
    await set("UPDATE runtime_node_attachments SET state = 'revoked' WHERE node_id = 'other-1'");
    expect(await world.hello()).toEqual({ epoch: 1, hasSlot: true });
  });

  it("NOD-20 of two nodes at once takes the last place for one of them", async () => {
    await fill(SESSION_NODES_MAX - 1);
    const second = await world.enrol("node-2");
    const answers = await Promise.allSettled([world.hello(), world.hello({ nodeId: second, connectionId: "c2" })]);
    expect(answers.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const refused = answers.find((answer) => answer.status === "rejected");
    expect(refused?.reason).toMatchObject({ code: "resource.limit_exceeded" });
    expect(await slots()).toHaveLength(SESSION_NODES_MAX);
  });

  it("NOD-2 of a node whose owner may bring none to the default session connects it without a slot, until it is attached", async () => {
    const guest = await world.addPerson("guest", "viewer");
    const theirs = await world.enrol("theirs", guest);
    expect(await world.hello({ nodeId: theirs })).toEqual({ epoch: 1, hasSlot: false });
    expect(await world.rows("runtime_node_attachments")).toEqual([]);
    expect(await world.rows("runtime_node_presence")).toMatchObject([{ node_id: theirs, health_state: "online" }]);
    await set("UPDATE session_memberships SET role = 'runtime_contributor' WHERE participant_id = 'guest'");
    await world.attach({ nodeId: theirs }, guest);
    expect(await world.slot(theirs)).toMatchObject({ state: "online", suspended: false });
  });

  it("NOD-2 takes no slot for an owner who loses the right to it between the look and the commit", async () => {
    const { store } = world.opened;
    const read = store.readTransaction.bind(store);
    let isTaken = false;
    store.readTransaction = async (queries) => {
      const answers = await read(queries);
      if (!isTaken) await set("UPDATE session_memberships SET role = 'viewer'");
      isTaken = true;
      return answers;
    };
    expect(await world.hello()).toEqual({ epoch: 1, hasSlot: false });
    expect(await slots()).toEqual([]);
  });

  it("NOD-12 under a floor that is none is refused loudly, admits nobody and changes nothing", async () => {
    await set("UPDATE sessions SET min_client_version = 'soon'");
    const before = await world.dump();
    await expect(world.hello({ clientVersion: "9.9" })).rejects.toThrow("malformed");
    await expect(world.attach({ clientVersion: "9.9" })).rejects.toThrow("malformed");
    expect(await world.dump()).toBe(before);
  });

  it("NOD-7 of a node that was never enrolled is denied", async () => {
    const before = await world.dump();
    const refused = world.hello({ nodeId: "unknown" as NodeId });
    await expect(refused).rejects.toMatchObject({ code: "runtimenode.permission_denied" });
    expect(await world.dump()).toBe(before);
  });
});
