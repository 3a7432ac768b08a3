// What becomes of machines in a session that is closed: their slots end with it.
import type { NodeId, PrincipalId, SessionId } from "@muster/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { SweepingNodes } from "../nodes/index.ts";
import type { Caller } from "../ports.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { codeOf, machine as makeMachine, openNodes, openPeople, type People } from "./testing/people.ts";

let people: People;
let nodes: SweepingNodes;
let sessionId: SessionId;
let owner: Caller;

beforeEach(async () => {
  people = await openPeople();
  nodes = openNodes(people);
  ({ sessionId } = await people.sessions.create(people.cli, { title: "Short" }));
  owner = await people.as(people.cliToken);
});
afterEach(async () => {
  await nodes.close();
  await people.close();
});

const close = () => people.sessions.update(owner, { sessionId, state: "closed" });

const enrol = async (name: string): Promise<NodeId> => {
  const nodeId = name as NodeId;
  const { spaceId, ownerId } = people.opened.identity;
  const publicKey = Buffer.alloc(32, name).toString("base64");
  await nodes.enrol({ spaceId, nodeId, ownerId, publicKey });
  return nodeId;
};
const attach = (nodeId: NodeId, to = sessionId) => {
  const { spaceId, ownerId } = people.opened.identity;
  const by = { spaceId, ownerId, actorId: ownerId };
  const input = { nodeId, sessionId: to, clientVersion: "0.1.0", capabilities: {}, healthState: "online" as const };
  return nodes.attach(by, input);
};
const hello = (nodeId: NodeId, incarnation = "process-1") =>
  nodes.connected({
    spaceId: people.opened.identity.spaceId,
    nodeId,
    incarnation,
    connectionId: `c-${nodeId}-${incarnation}`,
    clientVersion: "0.1.0",
    capabilities: {},
  });
const slots = () =>
  people.opened.query(
    "SELECT node_id, state, detach_reason, detached_at FROM runtime_node_attachments WHERE session_id = ? ORDER BY node_id",
    sessionId,
  );
const history = async () => {
  const rows = await people.opened.query(
    "SELECT node_id, action, epoch, reason FROM runtime_node_attachment_log WHERE session_id = ? ORDER BY node_id, at, log_id",
    sessionId,
  );
  return rows.map((row) => [row["node_id"], row["action"], row["epoch"], row["reason"]].join(" "));
};

onBothDatabases("a session that is closed", () => {
  it("NOD-1 ends the slots in it in the same commit, with their history, and tells every hub of their machines", async () => {
    for (const name of ["attached", "detached", "online", "revoked"]) await attach(await enrol(name));
    await hello("online" as NodeId);
    const { spaceId, ownerId, cliPrincipalId: actorId } = people.opened.identity;
    await nodes.detach({ spaceId, ownerId, actorId }, { nodeId: "detached" as NodeId, reason: "lunch" });
    await nodes.revoke({ spaceId, actorId }, { nodeId: "revoked" as NodeId, sessionId });
    const before = await slots();
    people.opened.clock.advance(1_000);
    people.announced.length = 0;
    await close();
    const ended = { state: "offline", detach_reason: "session_closed", detached_at: "2026-01-01T00:00:01.000Z" };
    expect(await slots()).toEqual([
      { node_id: "attached", ...ended },
      before[1],
      { node_id: "online", ...ended },
      before[3],
    ]);
    expect(await history()).toEqual([
      "attached attached 0 ",
      "attached detached 0 session_closed",
      "detached attached 0 ",
      "detached detached 0 lunch",
      "online attached 0 ",
      "online attached 1 ",
      "online detached 1 session_closed",
      "revoked attached 0 ",
      "revoked revoked 1 revoked",
    ]);
    expect(new Set(people.announced)).toEqual(new Set(["attached", "detached", "online"]));
    const [newest] = await people.audit.list(owner, { limit: 1 });
    expect(newest).toMatchObject({ action: "session.closed", subject: sessionId });
  });

  it("NOD-13 leaves its machines free for other sessions, over any number of their starts", async () => {
    const nodeId = await enrol("box");
    await attach(nodeId);
    await hello(nodeId);
    const elsewhere = () => codeOf(attach(nodeId, people.sessionId));
    expect(await elsewhere()).toBe("runtimenode.attach_conflict");
    await close();
    expect(await hello(nodeId, "process-2")).toEqual({ epoch: 2, hasSlot: false });
    expect(await codeOf(attach(nodeId))).toBe("runtimenode.permission_denied");
    expect(await elsewhere()).toBe("no error");
    expect(await slots()).toMatchObject([{ state: "offline", detach_reason: "session_closed" }]);
  });

  it("NOD-8 keeps no machine that comes in the moment of its end", async () => {
    const { store } = people.opened;
    const commit = store.commit.bind(store);
    const nodeId = await enrol("late");
    let isIn = false;
    store.commit = async (batch) => {
      if (!isIn && batch.statements.some(({ sql }) => sql.startsWith("UPDATE sessions"))) {
        isIn = true;
        await attach(nodeId);
      }
      return commit(batch);
    };
    await close();
    expect(isIn).toBe(true);
    expect(await slots()).toMatchObject([{ node_id: "late", state: "offline", detach_reason: "session_closed" }]);
    const racing = await enrol("racing");
    const { sessionId: other } = await people.sessions.create(people.cli, { title: "Other" });
    const caller = await people.as(people.cliToken);
    const ending = people.sessions.update(caller, { sessionId: other, state: "closed" });
    await Promise.allSettled([attach(racing, other), ending]);
    const active = await people.opened.query(
      "SELECT id FROM runtime_node_attachments WHERE session_id = ? AND state <> 'offline'",
      other,
    );
    expect(active).toEqual([]);
  });

  it("NOD-1 that is archived keeps its machines, and that closes from there gives them back", async () => {
    await attach(await enrol("box"));
    await people.sessions.update(owner, { sessionId, state: "archived" });
    expect(await slots()).toMatchObject([{ state: "registering" }]);
    await close();
    expect(await slots()).toMatchObject([{ state: "offline", detach_reason: "session_closed" }]);
  });

  it("NOD-8 lets a machine that only it had come in again by an invite, under another owner", async () => {
    const machine = makeMachine("joined");
    const first = await people.invite("runtime_contributor", sessionId, owner);
    await people.redeem(first, machine.joining(first));
    await close();
    const second = await people.invite("runtime_contributor");
    const { principalId } = (await people.redeem(second, machine.joining(second))) as { principalId: PrincipalId };
    expect(await nodes.list(people.opened.identity.spaceId, [people.sessionId])).toMatchObject([
      { nodeId: "joined", state: "registering", ownerId: principalId, suspended: false },
    ]);
  });
});
