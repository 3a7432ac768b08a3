// What becomes of a node's socket when its place changes: revoked, moved to another hub, out of date, or without a slot.
import { MusterError } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { connect, type DaemonEnd, enrolled, type Machine } from "./testing/daemon-end.ts";
import { type HubEnd, openHubEnd, SPACE } from "./testing/hub-end.ts";

let hub: HubEnd;
let machine: Machine;
let end: DaemonEnd;
beforeEach(async () => {
  hub = await openHubEnd();
  machine = enrolled(hub);
  ({ end } = await connect(hub, machine));
});
afterEach(() => hub.close());

const recheck = () => hub.uplink.recheck(SPACE, machine.nodeId);
const told = (code: ConstructorParameters<typeof MusterError>[0]) => new MusterError(code).toBody();

it("NOD-16 a node that was revoked is told so and closed with 4001", async () => {
  hub.act.place = () => ({ isRevoked: true, hasSlot: false, epoch: 2 });
  await recheck();
  expect(await end.closed()).toBe(4001);
  expect(end.of("error").map(({ error }) => error)).toEqual([told("runtimenode.attach_revoked")]);
  expect(hub.uplink.connections.isConnected(SPACE, machine.nodeId)).toBe(false);
});

it("NOD-16 a node that was revoked while its hello was answered is closed with 4001", async () => {
  const late = enrolled(hub);
  hub.act.reconcile = () => {
    // Whoever revokes now finds no connection to end.
    hub.act.place = () => ({ isRevoked: true, hasSlot: false });
    return [];
  };
  const { end: lateEnd } = await connect(hub, late);
  expect(await lateEnd.closed()).toBe(4001);
});

it("NOD-15 a connection speaks for no other epoch than its own, not even for a newer one", async () => {
  hub.act.place = () => ({});
  const { end: other, ack } = await connect(hub, enrolled(hub));
  other.send({ type: "heartbeat", epoch: ack.epoch + 1, healthState: "online" });
  other.send({ type: "capabilities", epoch: ack.epoch + 1, capabilities: {} });
  expect((await other.next("error", 2)).error.code).toBe("runtimenode.stale_epoch");
  expect(hub.calls.heartbeats).toEqual([]);
});

it("NOD-15 a connection that is no longer the node's newest is closed with 4003, and demotes nothing", async () => {
  hub.act.place = () => ({ connectionId: "on another hub", epoch: 2 });
  await recheck();
  expect(await end.closed()).toBe(4003);
  expect(end.of("error")).toEqual([]);
});

it("NOD-18 a connection of an older epoch is closed with 4005, so that its node says hello anew", async () => {
  hub.act.place = () => ({ epoch: 2 });
  await recheck();
  expect(await end.closed()).toBe(4005);
  expect(end.of("error").map(({ error }) => error)).toEqual([told("runtimenode.stale_epoch")]);
});

it("NOD-16 a node that lost its slot is told to say hello anew, once what ran there is settled, and only once", async () => {
  const order: string[] = [];
  hub.act.settleLost = async () => {
    order.push(`settled before ${end.of("error").length + 1}`);
    return 0;
  };
  hub.act.place = () => ({ hasSlot: false });
  await recheck();
  await recheck();
  expect((await end.next("error")).error).toEqual(told("runtimenode.stale_epoch"));
  hub.act.place = () => ({ hasSlot: true });
  await recheck();
  hub.act.place = () => ({ hasSlot: false });
  await recheck();
  expect((await end.next("error", 2)).error.code).toBe("runtimenode.stale_epoch");
  expect(order).toEqual(["settled before 1", "settled before 2"]);
  expect(end.closeCode).toBeUndefined();
});

it("a node whose place is as it was, is unknown, or has no socket here is left alone", async () => {
  await recheck();
  hub.act.place = () => null;
  await recheck();
  await hub.uplink.recheck(SPACE, "elsewhere" as typeof machine.nodeId);
  end.send({ type: "ping", nonce: "still there" });
  await end.next("pong");
  expect([end.closeCode, end.of("error")]).toEqual([undefined, []]);
});

it("NOD-15 a place that was read before a newer connection came says nothing of that one", async () => {
  const read = Promise.withResolvers<{ connectionId: string; epoch: number }>();
  hub.act.place = () => read.promise;
  const looking = recheck();
  hub.act.place = () => ({});
  const { end: newer } = await connect(hub, machine);
  read.resolve({ connectionId: hub.calls.connected[0]?.connectionId ?? "", epoch: 7 });
  await looking;
  newer.send({ type: "ping", nonce: "still there" });
  await newer.next("pong");
  expect(newer.of("error")).toEqual([]);
});

it("a place that cannot be read is reported and closes nothing", async () => {
  hub.act.place = () => {
    throw new Error("no store");
  };
  await recheck();
  await until("the report", () => hub.calls.bugs.length === 1);
  expect(hub.uplink.connections.isConnected(SPACE, machine.nodeId)).toBe(true);
});
