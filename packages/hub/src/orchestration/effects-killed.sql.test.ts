import { createProject, createThread, startTurn } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EFFECT_LEASE_MS } from "./effect-worker.ts";
import { outboxOf } from "./test-effects.ts";
import { nodeIdentity, onBothDatabases, openWorld, settled, until, type World } from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld({ isFile: true });
  await world.dispatch(createProject());
  await world.dispatch(createThread());
});
afterEach(() => world.close());

const { effects, statuses, failure, answer, handedOver, turnStatus } = outboxOf(() => world);

onBothDatabases("the hub killed", () => {
  /** A node as the daemon is: durable, takes each effect over once, refuses a fence below one it has seen. */
  const durableNode = () => {
    const seen = new Map<string, number>();
    const done: string[] = [];
    world.nodes.onRun = ({ effectId, fence, effect }) => {
      expect(fence).toBeGreaterThan(seen.get(effectId) ?? 0);
      if (!seen.has(effectId)) done.push(effect.kind);
      seen.set(effectId, fence);
      return true;
    };
    return done;
  };
  /** As a daemon that finds the hub again. */
  const reconnect = async (): Promise<void> => {
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await settled();
  };

  it("after the commit and before the effect was claimed: it is delivered once (ORC-24)", async () => {
    const done = durableNode();
    world.nodes.connected.clear();
    await world.dispatch(startTurn("turn"));
    await world.restart();
    world.nodes.connected.add("node");
    await reconnect();
    await answer(world.nodes.runs.at(-1));
    expect(done).toEqual(["node.turn.start"]);
    expect(await statuses()).toEqual(["node.turn.start succeeded"]);
  });

  it("after the claim and before it was sent: it is delivered once (ORC-24)", async () => {
    const done = durableNode();
    world.nodes.connected.clear();
    await world.dispatch(startTurn("turn"));
    await world.run(
      "UPDATE orchestration_effects SET status = 'running', fence = 1, attempt_count = 1, lease_owner = 'dead', lease_expires_at = '2026-01-01T00:00:30.000Z'",
    );
    await world.restart();
    world.nodes.connected.add("node");
    await reconnect();
    expect(world.nodes.runs.at(-1)?.fence).toBe(2);
    await answer(world.nodes.runs.at(-1));
    expect(done).toEqual(["node.turn.start"]);
  });

  it("after it was sent and before the answer came: it is handed over again and done once (ORC-24)", async () => {
    const done = durableNode();
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    const before = world.nodes.runs[0];
    await world.restart();
    await answer(before);
    await reconnect();
    await answer(world.nodes.runs.at(-1));
    expect(done).toEqual(["node.turn.start"]);
    expect(await statuses()).toEqual(["node.turn.start succeeded"]);
    expect(await turnStatus()).toMatchObject({ status: "running" });
  });

  it("before it heard of a failure that ends the turn: the turn still ends (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    await world.restart();
    await reconnect();
    await answer(world.nodes.runs.at(-1), failure("provider_unknown"));
    expect(await turnStatus()).toEqual({ status: "error", reason: "provider_unknown" });
  });

  it("while it ends a turn whose effect failed: no turn is left running (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    const commit = world.store.commit.bind(world.store);
    // Dies at the first write that the failure leads to.
    world.store.commit = () => Promise.reject(new Error("killed"));
    await expect(answer(world.nodes.runs[0], failure("provider_unknown"))).rejects.toThrow();
    world.store.commit = commit;
    await world.restart();
    await reconnect();
    expect(world.nodes.runs).toHaveLength(2);
    await answer(world.nodes.runs[1], failure("provider_unknown"));
    expect(await turnStatus()).toEqual({ status: "error", reason: "provider_unknown" });
    expect(await effects()).toMatchObject([{ status: "failed" }]);
  });

  it("after the effect was done: nothing is delivered again (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    await answer(world.nodes.runs[0]);
    await world.restart();
    await reconnect();
    world.time.advance(10 * EFFECT_LEASE_MS);
    await settled();
    expect(world.nodes.runs).toHaveLength(1);
  });

  it("between ending the turn of a failed effect and writing the failure down: the turn has ended (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    const commit = world.store.commit.bind(world.store);
    let commits = 0;
    world.store.commit = (batch) => {
      commits += 1;
      return commits === 1 ? commit(batch) : Promise.reject(new Error("killed"));
    };
    await expect(answer(world.nodes.runs[0], failure("provider_unknown"))).rejects.toThrow();
    world.store.commit = commit;
    await world.restart();
    await reconnect();
    expect(await turnStatus()).toEqual({ status: "error", reason: "provider_unknown" });
    expect(world.nodes.runs).toHaveLength(1);
  });

  it("while another process claims the same effects: each has one holder at a time (ORC-24)", async () => {
    world.nodes.connected.clear();
    const { orchestration: other, store } = await world.another();
    const gate = Promise.withResolvers<void>();
    const commit = store.commit.bind(store);
    let isHeld = false;
    // The other process has read what waits, and its claim comes when the first process has claimed it all.
    store.commit = async (batch) => {
      if (batch.statements.some(({ sql }) => sql.includes("SET status = 'running'"))) {
        isHeld = true;
        await gate.promise;
      }
      return commit(batch);
    };
    for (let index = 0; index < 20; index += 1) {
      await world.dispatch(createThread({ threadId: `thread-${index}` }));
      await world.dispatch(startTurn(`turn-${index}`, { threadId: `thread-${index}` }));
    }
    await settled();
    world.nodes.connected.add("node");
    const { spaceId, nodeId } = nodeIdentity();
    other.nodeConnected(spaceId, nodeId);
    await until(() => isHeld);
    await world.dispatch(createThread({ threadId: "one-more" }));
    await world.dispatch(startTurn("one-more-turn", { threadId: "one-more" }));
    await handedOver(21);
    gate.resolve();
    await settled();
    expect(world.nodes.runs).toHaveLength(21);
    expect(new Set(world.nodes.runs.map(({ effectId }) => effectId)).size).toBe(21);
  });
});

onBothDatabases("an effect that changes between a look and the write that rests on it", () => {
  let isFirst = false;
  afterEach(() => expect(isFirst, "nothing was changed meanwhile").toBe(false));

  /** Changes the effect as another hub would, right before the first commit of such a statement. */
  const meanwhile = (statement: string, change: string): void => {
    const commit = world.store.commit.bind(world.store);
    isFirst = true;
    world.store.commit = async (batch) => {
      if (isFirst && batch.statements.some(({ sql }) => sql.includes(statement))) {
        isFirst = false;
        await world.run(`UPDATE orchestration_effects SET ${change}`);
      }
      return commit(batch);
    };
  };
  const CLAIM = "SET status = 'running'";

  it("is claimed a second later under its newest fence, where another hub had it and gave it back (ORC-24)", async () => {
    meanwhile(CLAIM, "fence = fence + 1, attempt_count = attempt_count + 1");
    await world.dispatch(startTurn("turn"));
    await settled();
    world.time.advance(1_000);
    await handedOver(1);
    expect(world.nodes.runs).toMatchObject([{ fence: 2 }]);
    await answer(world.nodes.runs[0]);
    expect(await statuses()).toEqual(["node.turn.start succeeded"]);
  });

  it("is not handed over, where its turn has ended (ORC-24)", async () => {
    meanwhile(CLAIM, "status = 'cancelled'");
    await world.dispatch(startTurn("turn"));
    await settled();
    world.time.advance(1_000);
    await settled();
    expect(world.nodes.runs).toEqual([]);
    expect(await statuses()).toEqual(["node.turn.start cancelled"]);
  });

  it.each([
    ["a result", undefined],
    ["a failure for good", failure("provider_unknown")],
    ["a failure that may pass", failure("queue_full")],
  ])("is left to its newer holder by %s under the older fence (ORC-24)", async (_what, error) => {
    await world.dispatch(startTurn("turn"));
    await handedOver(1);
    meanwhile("last_error =", "fence = fence + 1");
    await answer(world.nodes.runs[0], error);
    // A failure for good ended the turn before, and that cancelled whatever it was for.
    expect(await statuses()).toEqual([
      `node.turn.start ${error?.code === "provider_unknown" ? "cancelled" : "running"}`,
    ]);
  });
});
