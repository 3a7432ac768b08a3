import { askApproval, command, createProject, createThread, finishDiff, settle, startTurn } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EFFECT_LEASE_MS } from "./effect-worker.ts";
import { outboxOf } from "./test-effects.ts";
import { nodeIdentity, onBothDatabases, openWorld, RecordingNodes, settled, until, type World } from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld({ isFile: true });
  await world.dispatch(createProject());
  await world.dispatch(createThread());
});
afterEach(() => world.close());

const { effects, statuses, failure, answer, handedOver, interrupt, turnStatus } = outboxOf(() => world);

onBothDatabases("an effect", () => {
  it("is a row of the commit that asked for it, naming ids alone (ORC-10, ORC-24)", async () => {
    world.nodes.connected.clear();
    const { sequence } = await world.dispatch(startTurn("turn"));
    const rows = await world.rows("SELECT * FROM orchestration_effects");
    expect(rows).toMatchObject([
      {
        space_id: "space",
        event_sequence: sequence,
        thread_id: "thread",
        turn_id: "turn",
        node_id: "node",
        kind: "node.turn.start",
        payload_json: '{"turnId":"turn"}',
        status: "pending",
        attempt_count: 0,
        available_at: "2026-01-01T00:00:00.000Z",
        lease_owner: null,
        lease_expires_at: null,
        fence: 0,
        last_error: null,
      },
    ]);
  });

  it("takes the trace context of its command to the node (ORC-29)", async () => {
    const traceparent = "00-80e1afed08e019fc1110464cfa66635c-7a085853722dc6d2-01";
    await world.dispatch(startTurn("turn", { traceparent }));
    await handedOver(1);
    expect(world.nodes.runs).toMatchObject([{ traceparent, effect: { kind: "node.turn.start" } }]);
    await answer(world.nodes.runs[0]);
    await world.dispatch(interrupt());
    await handedOver(2);
    expect(world.nodes.runs[1]).not.toHaveProperty("traceparent");
  });

  it("is handed over under a lease with a fence, with what the node needs read at that moment (ORC-24)", async () => {
    await world.dispatch(command("project.meta.update", { projectId: "project", workspaceRoot: "/work/moved" }));
    await world.dispatch(startTurn("turn", { text: "Fix it.", commandId: "start", model: "large", effort: "low" }));
    await handedOver(1);
    expect(world.nodes.runs[0]).toMatchObject({
      nodeId: "node",
      fence: 1,
      effect: {
        kind: "node.turn.start",
        workspaceRoot: "/work/moved",
        text: "Fix it.",
        turnCount: 1,
        model: "large",
        effort: "low",
        correlationId: "start",
        preamble: null,
      },
    });
    expect(await world.rows("SELECT status, lease_owner, lease_expires_at FROM orchestration_effects")).toEqual([
      { status: "running", lease_owner: "replica", lease_expires_at: "2026-01-01T00:00:30.000Z" },
    ]);
    await answer(world.nodes.runs[0]);
    expect(await effects()).toMatchObject([{ status: "succeeded", attempt_count: 1, lease_owner: null }]);
  });

  it("is handed over again when its lease runs out, under a higher fence, and the old answer counts for nothing (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    world.time.advance(EFFECT_LEASE_MS + 1);
    await handedOver(2);
    const [first, second] = world.nodes.runs;
    expect([first?.fence, second?.fence]).toEqual([1, 2]);
    expect(second?.effectId).toBe(first?.effectId);
    await answer(first);
    expect(await statuses()).toEqual(["node.turn.start running"]);
    await answer(first, failure("provider_unknown"));
    expect(await turnStatus()).toMatchObject({ status: "running" });
    await answer(second);
    await answer(second, failure("provider_unknown"));
    expect(await statuses()).toEqual(["node.turn.start succeeded"]);
    expect(await turnStatus()).toMatchObject({ status: "running" });
  });

  it("is not answered by another node (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    const run = world.nodes.runs[0];
    await answer(run && { ...run, nodeId: "other-node" }, failure("provider_unknown"));
    expect(await statuses()).toEqual(["node.turn.start running"]);
  });

  it("that the node cannot take now is tried again after 1 s × 2ⁿ with jitter, 30 s at most (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      await handedOver(attempt);
      await answer(world.nodes.runs.at(-1), failure("unavailable"));
      await settled();
      const [row] = await world.rows("SELECT available_at, status, last_error FROM orchestration_effects");
      expect(row).toMatchObject({ status: "pending", last_error: "unavailable" });
      const delay = Date.parse(String(row?.["available_at"])) - world.time.now();
      delays.push(delay);
      expect(world.time.alarms[0]).toBe(delay);
      world.time.advance(delay - 1);
      await settled();
      expect(world.nodes.runs).toHaveLength(attempt);
      world.time.advance(11);
    }
    for (const [index, delay] of delays.entries()) {
      const full = Math.min(30_000, 1_000 * 2 ** index);
      expect(delay).toBeGreaterThanOrEqual(full / 2);
      expect(delay).toBeLessThanOrEqual(full);
    }
    expect(new Set(delays.slice(-3)).size).toBeGreaterThan(1);
  });

  it("that can never be done ends its turn in error, and then counts as failed (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await world.dispatch(startTurn("next", { whenBusy: "queue" }));
    await handedOver(1);
    await answer(world.nodes.runs[0], failure("agent_login_required"));
    expect(await turnStatus()).toEqual({ status: "error", reason: "agent_login_required" });
    expect(await effects()).toMatchObject([{ status: "failed", last_error: "agent_login_required" }, {}]);
    await handedOver(2);
    expect(world.nodes.runs[1]?.effect).toMatchObject({ turnId: "next" });
  });

  it("that can never be done ends its revert, so that the thread is free again (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    await answer(world.nodes.runs[0]);
    await world.ingest(1, [settle("turn"), finishDiff("turn", 1)]);
    await world.dispatch(command("thread.checkpoint.revert", { threadId: "thread", turnCount: 1 }));
    await handedOver(2);
    await answer(world.nodes.runs[1], failure("workspace_unavailable"));
    const [reverted] = await world.rows(
      "SELECT payload_json FROM orchestration_events WHERE event_type = 'thread.reverted'",
    );
    expect(JSON.parse(String(reverted?.["payload_json"]))).toMatchObject({ error: "workspace_unavailable" });
    await world.dispatch(startTurn("next"));
  });

  it("is cancelled when the turn it serves has ended (ORC-24)", async () => {
    world.nodes.connected.clear();
    await world.dispatch(startTurn("turn"));
    await world.ingest(1, [askApproval("question")]);
    await world.dispatch(
      command("thread.approval.respond", { threadId: "thread", requestId: "question", decision: "accept" }),
    );
    await world.ingest(2, [settle("turn")]);
    expect(await statuses()).toEqual(["node.turn.start cancelled", "node.approval.respond cancelled"]);
    world.nodes.connected.add("node");
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await settled();
    expect(world.nodes.runs).toEqual([]);
  });

  it("whose answer comes after its turn was settled changes nothing more", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    await world.ingest(1, [settle("turn")]);
    await answer(world.nodes.runs[0], failure("provider_unknown"));
    expect(await turnStatus()).toMatchObject({ status: "completed" });
    expect(await statuses()).toEqual(["node.turn.start cancelled"]);
  });
});

onBothDatabases("effects of one thread", () => {
  it("go one at a time in the order of their events (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await world.ingest(1, [askApproval("a"), askApproval("b")]);
    for (const requestId of ["a", "b"])
      await world.dispatch(command("thread.approval.respond", { threadId: "thread", requestId, decision: "accept" }));
    await settled();
    expect(world.nodes.kinds).toEqual(["node.turn.start"]);
    await answer(world.nodes.runs[0]);
    await handedOver(2);
    await settled();
    expect(world.nodes.kinds).toEqual(["node.turn.start", "node.approval.respond"]);
    expect(world.nodes.runs[1]?.effect).toMatchObject({ requestId: "a" });
    await answer(world.nodes.runs[1]);
    await handedOver(3);
    expect(world.nodes.runs[2]?.effect).toMatchObject({ requestId: "b" });
  });

  it("wait for one that waits for its next try (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await world.ingest(1, [askApproval("a")]);
    await handedOver(1);
    await answer(world.nodes.runs[0], failure("unavailable"));
    await world.dispatch(
      command("thread.approval.respond", { threadId: "thread", requestId: "a", decision: "accept" }),
    );
    await settled();
    expect(world.nodes.kinds).toEqual(["node.turn.start"]);
    world.time.advance(1_000);
    await handedOver(2);
    expect(world.nodes.kinds).toEqual(["node.turn.start", "node.turn.start"]);
  });

  it("are overtaken by an interrupt alone and by a stop (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    await world.dispatch(interrupt());
    await handedOver(2);
    expect(world.nodes.kinds).toEqual(["node.turn.start", "node.turn.interrupt"]);
    await world.dispatch(command("thread.session.stop", { threadId: "thread" }));
    await handedOver(3);
    expect(world.nodes.kinds.at(-1)).toBe("node.session.stop");
  });

  it("never overtake a stop: the next turn starts when the stop was taken over (ORC-24)", async () => {
    world.nodes.connected.clear();
    await world.dispatch(command("thread.session.stop", { threadId: "thread" }));
    await world.dispatch(startTurn("turn"));
    // Else what the worker hands over while the node connects is handed over once more by the connecting.
    await settled();
    world.nodes.connected.add("node");
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await handedOver(1);
    await settled();
    expect(world.nodes.kinds).toEqual(["node.session.stop"]);
    await answer(world.nodes.runs[0]);
    await handedOver(2);
    expect(world.nodes.kinds).toEqual(["node.session.stop", "node.turn.start"]);
  });
});

onBothDatabases("an interrupt", () => {
  it("of a turn whose start never left settles it and is not delivered (ORC-32)", async () => {
    world.nodes.connected.clear();
    await world.dispatch(startTurn("turn"));
    await world.dispatch(interrupt());
    expect(await turnStatus()).toEqual({ status: "interrupted", reason: "interrupted_before_start" });
    expect(await statuses()).toEqual(["node.turn.start cancelled", "node.turn.interrupt cancelled"]);
  });

  it("of a turn whose start may have arrived goes to the node, which knows (ORC-32)", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    world.time.advance(EFFECT_LEASE_MS + 1);
    world.nodes.onRun = () => false;
    await handedOver(2);
    await settled();
    expect(await statuses()).toEqual(["node.turn.start pending"]);
    world.nodes.onRun = () => true;
    await world.dispatch(interrupt());
    expect(await turnStatus()).toMatchObject({ status: "running" });
    await until(() => world.nodes.kinds.includes("node.turn.interrupt"));
  });
});

onBothDatabases("nodes", () => {
  it("that are away stand in nobody's way (ORC-24)", async () => {
    world.nodes.connected.delete("node");
    await world.dispatch(createProject({ projectId: "elsewhere", nodeId: "other-node" }));
    for (let index = 0; index < 300; index += 1) {
      await world.dispatch(createThread({ threadId: `away-${index}` }));
      await world.dispatch(startTurn(`away-turn-${index}`, { threadId: `away-${index}` }));
    }
    world.nodes.connected.add("other-node");
    await world.dispatch(createThread({ threadId: "second", projectId: "elsewhere" }));
    await world.dispatch(startTurn("there", { threadId: "second" }));
    await handedOver(1);
    expect(world.nodes.runs).toMatchObject([{ nodeId: "other-node", effect: { turnId: "there" } }]);
  });

  it("that come back get everything that waited, also beyond one page (ORC-24)", async () => {
    world.nodes.connected.clear();
    for (let index = 0; index < 300; index += 1) {
      await world.dispatch(createThread({ threadId: `away-${index}` }));
      await world.dispatch(startTurn(`turn-${index}`, { threadId: `away-${index}` }));
    }
    await settled();
    world.nodes.connected.add("node");
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await handedOver(300);
    await settled();
    expect(world.nodes.runs).toHaveLength(300);
    expect(new Set(world.nodes.runs.map(({ effectId }) => effectId)).size).toBe(300);
  });

  it("that vanish between claim and delivery get it when they come back, at once", async () => {
    world.nodes.onRun = () => false;
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    await settled();
    expect(await effects()).toMatchObject([{ status: "pending", last_error: "node_offline", attempt_count: 1 }]);
    world.nodes.onRun = () => true;
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await handedOver(2);
    expect(world.nodes.runs[1]?.fence).toBe(2);
  });

  it("whose thread is gone when the effect is due: it fails and the rest goes on", async () => {
    await world.run("UPDATE projection_threads SET project_id = 'gone' WHERE thread_id = 'thread'");
    await world.dispatch(createThread({ threadId: "second" }));
    await world.run(
      `INSERT INTO orchestration_effects SELECT 'space', 'ghost', 'ghost-event', 1, 'nowhere', NULL, 'node', 'node.session.stop', '{}',
       'pending', 0, '2026-01-01T00:00:00.000Z', NULL, NULL, 0, NULL, '', ''`,
    );
    await world.dispatch(startTurn("turn", { threadId: "second" }));
    await handedOver(1);
    await settled();
    expect(await statuses()).toEqual(["node.session.stop failed", "node.turn.start running"]);
    expect(world.bugs).toEqual([]);
  });
});

onBothDatabases("a node that has moved to another hub", () => {
  it("gets its effects from that one at once, though the first has not found its old socket dead yet (ORC-24)", async () => {
    const moved = new RecordingNodes();
    const { orchestration: other } = await world.another({ connections: moved });
    world.nodes.connectionId = "connection";
    moved.connectionId = "newer";
    await world.run("UPDATE runtime_node_presence SET connection_id = 'newer' WHERE node_id = 'node'");
    await world.dispatch(startTurn("turn"));
    const { spaceId, nodeId } = nodeIdentity();
    other.nodeConnected(spaceId, nodeId);
    await until(() => moved.runs.length === 1);
    await settled();
    expect(world.nodes.runs).toEqual([]);
  });
});

onBothDatabases("closing", () => {
  it("hands nothing over any more and rings no alarm", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    await world.orchestration.close();
    expect(world.time.alarms).toEqual([]);
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await settled();
    expect(world.nodes.runs).toHaveLength(1);
  });
});
