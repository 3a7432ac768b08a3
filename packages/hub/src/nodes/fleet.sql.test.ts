// What one person sees of machines: those of the sessions they belong to, and their own that no slot there names.
import { IN_NO_SESSION_MAX, type NodeId, type NodeInNoSession, type SessionId } from "@muster/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { NodeCaller } from "../ports.ts";
import { planOf } from "../schema/test-database.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { nodesInNoSession } from "./roster.ts";
import { keyOfNumber, NODE, type NodesWorld, openNodesWorld } from "./testing/nodes-world.ts";

let world: NodesWorld;
let side: SessionId;
let friend: NodeCaller;
beforeEach(async () => {
  world = await openNodesWorld();
  side = await world.addSession("side");
  friend = await world.addPerson("friend");
});
afterEach(() => world.close());

const fleet = (by: NodeCaller, ...sessionIds: SessionId[]) => world.nodes.fleet(by, sessionIds);
const ids = (nodes: readonly { readonly nodeId: NodeId }[]): NodeId[] => nodes.map(({ nodeId }) => nodeId);
const inNone = async (by: NodeCaller, ...sessionIds: SessionId[]): Promise<readonly NodeInNoSession[]> =>
  (await fleet(by, ...sessionIds)).inNoSession;
const close = (sessionId: SessionId) =>
  world.opened.run("UPDATE sessions SET state = 'closed' WHERE session_id = ?", sessionId);

onBothDatabases("machines in no session", () => {
  it("are shown to their owner with what their last slot said of them, until they have one again", async () => {
    const box = await world.enrol("box", friend);
    await world.attach({ nodeId: box, sessionId: side, clientVersion: "0.4", capabilities: { hostname: "h" } }, friend);
    await world.hello({ nodeId: box, clientVersion: "0.5", capabilities: { hostname: "attic" } });
    await world.nodes.detach(friend, { nodeId: box });
    await close(side);
    expect(await fleet(friend, world.sessionId)).toEqual({
      nodes: [],
      inNoSession: [
        {
          nodeId: box,
          isElsewhere: false,
          health: "online",
          ownerId: "friend",
          ownerName: "friend",
          clientVersion: "0.5",
          enrolledAt: "2026-01-01T00:00:00.000Z",
          lastHeartbeatAt: "2026-01-01T00:00:00.000Z",
          capabilities: { hostname: "attic" },
        },
      ],
    });
    await world.attach({ nodeId: box }, friend);
    const shown = await fleet(friend, world.sessionId);
    expect([ids(shown.nodes), shown.inNoSession]).toEqual([[box], []]);
  });

  it("are shown also where nothing is known of them, because they never had a slot", async () => {
    const [unknown] = await inNone(world.owner, world.sessionId, side);
    expect(unknown).toMatchObject({ nodeId: NODE, clientVersion: null, capabilities: {}, health: "offline" });
    expect(unknown).toMatchObject({ isElsewhere: false, lastHeartbeatAt: null });
  });

  it("NOD-7 are shown to nobody but their owner", async () => {
    const box = await world.enrol("box", friend);
    await world.attach({ nodeId: box, sessionId: side }, friend);
    await close(side);
    const stranger = await world.addPerson("stranger");
    expect(ids(await inNone(friend, world.sessionId))).toEqual([box]);
    expect(ids(await inNone(world.owner, world.sessionId))).toEqual([NODE]);
    expect(await inNone(stranger, world.sessionId)).toEqual([]);
    // Not even under the same name in another space.
    expect(await inNone({ ...friend, spaceId: "another" as NodeCaller["spaceId"] }, world.sessionId)).toEqual([]);
  });

  it("NOD-13 that are at work where their owner was shown out say so and no more, and may be taken from there", async () => {
    const box = await world.enrol("box", friend);
    await world.attach({ nodeId: box, sessionId: side }, friend);
    const [elsewhere] = await inNone(friend, world.sessionId);
    expect(elsewhere).toMatchObject({ nodeId: box, isElsewhere: true });
    expect(JSON.stringify(elsewhere)).not.toContain(side);
    await expect(world.attach({ nodeId: box }, friend)).rejects.toMatchObject({ code: "runtimenode.attach_conflict" });
    await world.nodes.detach(friend, { nodeId: box });
    expect(await inNone(friend, world.sessionId)).toMatchObject([{ nodeId: box, isElsewhere: false }]);
    expect(await world.attach({ nodeId: box }, friend)).toMatchObject({ state: "registering" });
  });

  it("are all of the owner's that no roster has, whichever sessions are asked for", async () => {
    const own = ["never", "detached", "revoked", "both", "away"].map((name) => world.enrol(name));
    const [never, detached, revoked, both, away] = (await Promise.all(own)) as [NodeId, NodeId, NodeId, NodeId, NodeId];
    const { sessionId, owner } = world;
    for (const nodeId of [detached, revoked, both]) await world.attach({ nodeId });
    await world.nodes.detach(owner, { nodeId: detached });
    await world.nodes.detach(owner, { nodeId: both });
    await world.nodes.revoke(owner, { nodeId: revoked, sessionId });
    for (const nodeId of [both, away]) await world.attach({ nodeId, sessionId: side });
    const all = [NODE, away, both, detached, never, revoked];
    const expected: readonly [readonly SessionId[], readonly NodeId[]][] = [
      [[], all],
      [[sessionId], [NODE, away, never]],
      [[side], [NODE, detached, never, revoked]],
      [
        [sessionId, side],
        [NODE, never],
      ],
    ];
    for (const [sessions, missing] of expected) {
      const { nodes, inNoSession } = await fleet(owner, ...sessions);
      expect(ids(inNoSession).sort(), sessions.join()).toEqual([...missing].sort());
      expect([...new Set([...ids(nodes), ...ids(inNoSession)])].sort(), sessions.join()).toEqual([...all].sort());
      expect(ids(nodes).filter((nodeId) => missing.includes(nodeId))).toEqual([]);
    }
  });

  it(`are ${IN_NO_SESSION_MAX} at most, those that were enrolled last`, async () => {
    const { spaceId, ownerId } = world;
    for (let number = 0; number <= IN_NO_SESSION_MAX; number += 1)
      await world.opened.run(
        "INSERT INTO nodes (space_id, node_id, owner, public_key, archived_keys_json, epoch, created_at) VALUES (?, ?, ?, ?, '[]', 0, ?)",
        ...[
          spaceId,
          `n${number}`,
          ownerId,
          keyOfNumber(number % 256),
          `2026-02-01T00:00:00.${String(number).padStart(3, "0")}Z`,
        ],
      );
    const shown = ids(await inNone(world.owner));
    expect(shown).toHaveLength(IN_NO_SESSION_MAX);
    expect([shown[0], shown.at(-1)]).toEqual([`n${IN_NO_SESSION_MAX}`, "n1"]);
  });

  it("are found by indexes, whatever other owners have", async () => {
    const { store } = world.opened;
    const { spaceId, ownerId, sessionId } = world;
    const plan = await planOf(
      store,
      nodesInNoSession(store.dialect, { spaceId, ownerId, sessionIds: [sessionId, side] }),
    );
    expect(plan).toContain("nodes_owner_idx");
    expect(plan).not.toMatch(/\bSCAN\b(?! CONSTANT)|Seq Scan/);
  });
});
