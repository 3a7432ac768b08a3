// Two hubs on one PostgreSQL, as real processes: who sweeps, what each tells of the other's machines, and a machine that is
// given up and comes back.
import { best, until } from "@muster/core/testing";
import { runOn, startPostgres } from "@muster/store/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Machine, newMachine } from "../../packages/hub/src/uplink/testing/daemon-end.ts";
import { connect, type Following, Hubs, type RunningHub } from "./hubs.ts";

const AT_ONCE_MS = 1_000;

let server: Awaited<ReturnType<typeof startPostgres>>;
let hubs: Hubs;
let machines: readonly [Machine, Machine];
let databases = 0;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  databases += 1;
  const address = { ...server.address, database: `hubs_${databases}` };
  await runOn(server.address, `CREATE DATABASE ${address.database}`);
  hubs = new Hubs(address);
  machines = [newMachine("near-machine"), newMachine("far-machine")];
});
afterEach(() => hubs.clear());

const two = async (more: { slotLeaseMs?: number } = {}): Promise<[RunningHub, RunningHub]> => [
  await hubs.start("near", machines[0], more),
  await hubs.start("far", machines[1], more),
];
const leader = async () => (await hubs.query("SELECT owner, fence FROM leases WHERE lease_name = 'nodes.sweep'"))[0];
const healthsOf = ({ heard }: Following, nodeId: string) =>
  heard.filter((node) => node.nodeId === nodeId).map(({ health }) => health);

test("NOD-17 with two that sweep, each machine is demoted once and told of once by each", async () => {
  const running = await two();
  const followers = await Promise.all(running.map((hub) => hubs.follow(hub)));
  await hubs.addSilentMachines(50, 31_000);
  for (const { heard } of followers) await until("all to be told of", () => heard.length >= 50);
  // Another look of the sweep later nobody has been told of twice.
  const before = await leader();
  const renewed = "SELECT expires_at FROM leases WHERE lease_name = 'nodes.sweep'";
  const [expiry] = await hubs.query(renewed);
  await until("another sweep", async () => (await hubs.query(renewed))[0]?.["expires_at"] !== expiry?.["expires_at"]);
  for (const { heard } of followers) {
    expect(heard.map(({ nodeId }) => nodeId).filter((id) => id.startsWith("silent-"))).toHaveLength(50);
    expect(new Set(heard.map(({ nodeId }) => nodeId)).size).toBe(50);
    expect(new Set(heard.map(({ health }) => health))).toEqual(new Set(["degraded"]));
  }
  expect(await leader()).toEqual(before);
});

test("NOD-17 when the one that sweeps is killed, the other goes on once the lease is over", async () => {
  const near = await hubs.start("near", machines[0]);
  await until("a sweep", leader);
  const first = await leader();
  const far = await hubs.start("far", machines[1]);
  const follower = await hubs.follow(far);
  await near.kill();
  await hubs.addSilentMachines(5, 31_000);
  await until("the other to go on", () => follower.heard.length >= 5);
  const second = await leader();
  expect(second?.["owner"]).not.toBe(first?.["owner"]);
  expect(Number(second?.["fence"])).toBe(Number(first?.["fence"]) + 1);
  expect(new Set(follower.heard.map(({ health }) => health))).toEqual(new Set(["degraded"]));
});

test("NOD-17 a machine at one is seen at once by those who follow the other, and so is its end", async () => {
  const [near, far] = await two();
  const follower = await hubs.follow(near);
  const told = async (health: string): Promise<void> => {
    await until(health, () => healthsOf(follower, machines[1].nodeId).at(-1) === health);
  };
  const endedAfterMs = await best(AT_ONCE_MS, async () => {
    const { end } = await connect(far, machines[1]);
    await told("online");
    const endedMs = performance.now();
    end.socket.terminate();
    await told("degraded");
    return performance.now() - endedMs;
  });
  expect(endedAfterMs).toBeLessThan(AT_ONCE_MS);
});

test("NOD-12 a floor that rises at one is seen at once by those who follow the other", async () => {
  const [near, far] = await two();
  const { end } = await connect(far, machines[1]);
  const follower = await hubs.follow(near);
  const { defaultSessionId: sessionId } = await far.client.api.auth.me();
  const isReadOnly = () => follower.heard.findLast(({ nodeId }) => nodeId === machines[1].nodeId)?.readOnly;
  await far.client.api.sessions.setFloor({ sessionId, minClientVersion: "99.0" });
  await until("the machine to be read-only", () => isReadOnly() === true);
  await far.client.api.sessions.setFloor({ sessionId, minClientVersion: null, lower: true });
  await until("the machine to write again", () => isReadOnly() === false);
  end.socket.terminate();
});

test("NOD-18 a machine that stays away is released once, by either, and attaches again with the newer epoch", async () => {
  const [near, far] = await two({ slotLeaseMs: 3_000 });
  const { end, ack } = await connect(far, machines[1]);
  expect(ack.epoch).toBe(1);
  const slot = async () =>
    (await hubs.query(`SELECT state, detach_reason FROM runtime_node_attachments WHERE node_id = 'far-machine'`))[0];
  const follower = await hubs.follow(near);
  // Its process hangs: the socket stays, and nothing is heard.
  await hubs.silence(machines[1], 61_000);
  await until("the release", async () => (await slot())?.["detach_reason"] === "lease_expired");
  expect(await slot()).toEqual({ state: "offline", detach_reason: "lease_expired" });
  expect(await hubs.query("SELECT action, epoch FROM runtime_node_attachment_log ORDER BY at, action")).toEqual([
    { action: "attached", epoch: "1" },
    { action: "released", epoch: "2" },
  ]);
  await until("the other hub to say so", () => follower.heard.at(-1)?.state === "offline");
  // It goes on: what it says with the old epoch is refused, on this socket or by its end.
  end.send({ type: "heartbeat", epoch: 1, healthState: "online" });
  await until(
    "the refusal",
    () => end.of("error").some(({ error }) => error.code === "runtimenode.stale_epoch") || end.closeCode !== undefined,
  );
  expect((await hubs.query("SELECT health_state FROM runtime_node_presence"))[0]?.["health_state"]).not.toBe("online");
  const again = await connect(near, machines[1]);
  expect(again.ack.epoch).toBe(2);
  expect(await slot()).toEqual({ state: "online", detach_reason: null });
});

test("NOD-16 a machine that is revoked at one is cut off at the other within a second", async () => {
  const [near, far] = await two();
  await connect(far, machines[1]);
  const { nodes } = await near.client.api.nodes.list();
  const sessionId = nodes[0]?.sessionId;
  if (sessionId === undefined) throw new Error("the machine is in no session");
  let count = 0;
  const cutOffAfterMs = await best(AT_ONCE_MS, async () => {
    count += 1;
    const machine = newMachine(`revoked-${count}`);
    await hubs.enrol(machine);
    const { end } = await connect(far, machine);
    const revokedMs = performance.now();
    await near.client.api.runtimeNode.revoke({ sessionId, nodeId: machine.nodeId });
    expect(await end.closed()).toBe(4001);
    expect(end.of("error").map(({ error }) => error.code)).toContain("runtimenode.attach_revoked");
    return performance.now() - revokedMs;
  });
  expect(cutOffAfterMs).toBeLessThan(AT_ONCE_MS);
});
