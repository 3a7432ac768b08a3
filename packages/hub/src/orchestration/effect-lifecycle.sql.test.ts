// The life of an effect as a table: every status against everything that can come. What has ended stays ended, and an
// answer under an older fence changes nothing.
import { ERRORS, type ErrorCode } from "@muster/contracts";
import { createProject, createThread, settle, startTurn } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EFFECT_LEASE_MS } from "./effect-worker.ts";
import { nodeIdentity, onBothDatabases, openWorld, settled, type World } from "./test-world.ts";

type Status = "pending" | "running" | "succeeded" | "failed" | "cancelled";
type Coming =
  | "a look of the worker"
  | "its node's return"
  | "the end of its lease"
  | "its result"
  | "a failure that may pass"
  | "a failure for good"
  | "an answer under an older fence"
  | "the end of its turn";

/** Status and fence afterwards; the fence grows by one each time the effect is handed over. */
const TABLE: Record<Status, Record<Coming, string>> = {
  pending: {
    "a look of the worker": "running 2",
    "its node's return": "running 2",
    "the end of its lease": "running 2",
    "its result": "pending 1",
    "a failure that may pass": "pending 1",
    "a failure for good": "pending 1",
    "an answer under an older fence": "pending 1",
    "the end of its turn": "cancelled 1",
  },
  running: {
    "a look of the worker": "running 1",
    "its node's return": "running 2",
    "the end of its lease": "running 2",
    "its result": "succeeded 1",
    "a failure that may pass": "pending 1",
    "a failure for good": "failed 1",
    "an answer under an older fence": "running 1",
    "the end of its turn": "cancelled 1",
  },
  succeeded: {
    "a look of the worker": "succeeded 1",
    "its node's return": "succeeded 1",
    "the end of its lease": "succeeded 1",
    "its result": "succeeded 1",
    "a failure that may pass": "succeeded 1",
    "a failure for good": "succeeded 1",
    "an answer under an older fence": "succeeded 1",
    "the end of its turn": "succeeded 1",
  },
  failed: {
    "a look of the worker": "failed 1",
    "its node's return": "failed 1",
    "the end of its lease": "failed 1",
    "its result": "failed 1",
    "a failure that may pass": "failed 1",
    "a failure for good": "failed 1",
    "an answer under an older fence": "failed 1",
    "the end of its turn": "failed 1",
  },
  cancelled: {
    "a look of the worker": "cancelled 1",
    "its node's return": "cancelled 1",
    "the end of its lease": "cancelled 1",
    "its result": "cancelled 1",
    "a failure that may pass": "cancelled 1",
    "a failure for good": "cancelled 1",
    "an answer under an older fence": "cancelled 1",
    "the end of its turn": "cancelled 1",
  },
};

const { spaceId, nodeId } = nodeIdentity();
const cells = (Object.keys(TABLE) as Status[]).flatMap((status) =>
  (Object.entries(TABLE[status]) as [Coming, string][]).map(([coming, outcome]) => ({ status, coming, outcome })),
);

onBothDatabases("the life of an effect", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld({ isFile: true });
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await world.dispatch(createThread({ threadId: "other-thread" }));
    // Nothing is handed over until the table says so.
    world.nodes.connected.clear();
    await world.dispatch(startTurn("turn"));
  });
  afterEach(() => world.close());

  const effectOf = async () =>
    (await world.rows("SELECT effect_id, status, fence FROM orchestration_effects WHERE turn_id = 'turn'"))[0];

  const answer = async (fence: number, code?: ErrorCode) => {
    const effectId = String((await effectOf())?.["effect_id"]);
    const { message, retryable } = ERRORS[code ?? "internal_error"];
    const error = code === undefined ? {} : { error: { code, message, retryable } };
    await world.orchestration.effectResult(nodeIdentity(), { effectId, fence, ...error });
  };

  const come: Record<Coming, () => Promise<unknown>> = {
    "a look of the worker": () => {
      world.nodes.connected.add("node");
      return world.dispatch(startTurn("other-turn", { threadId: "other-thread" }));
    },
    "its node's return": () => {
      world.nodes.connected.add("node");
      world.orchestration.nodeConnected(spaceId, nodeId);
      return Promise.resolve();
    },
    "the end of its lease": () => {
      world.nodes.connected.add("node");
      world.time.advance(EFFECT_LEASE_MS + 1);
      return world.dispatch(startTurn("other-turn", { threadId: "other-thread" }));
    },
    "its result": () => answer(1),
    "a failure that may pass": () => answer(1, "node_offline"),
    "a failure for good": () => answer(1, "provider_unknown"),
    "an answer under an older fence": () => answer(0, "provider_unknown"),
    "the end of its turn": () => world.ingest(1, [settle("turn")]),
  };

  it.each(cells)("$status meets $coming: $outcome (ORC-10, ORC-24)", async ({ status, coming, outcome }) => {
    const lease = status === "running" ? ["replica", "2026-01-01T00:00:30.000Z"] : [null, null];
    await world.run(
      "UPDATE orchestration_effects SET status = ?, fence = 1, lease_owner = ?, lease_expires_at = ? WHERE turn_id = 'turn'",
      status,
      ...lease,
    );
    await come[coming]();
    await settled();
    const { status: after, fence } = (await effectOf()) ?? {};
    expect(`${String(after)} ${Number(fence)}`).toBe(outcome);
  });
});
