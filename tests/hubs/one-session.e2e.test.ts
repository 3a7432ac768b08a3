// One machine, two sessions and two hubs on one PostgreSQL, as real processes: who gets the machine, and who loses it.
import { readFileSync } from "node:fs";
import { best, until } from "@muster/core/testing";
import { runOn, startPostgres } from "@muster/store/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Machine, newMachine } from "../../packages/hub/src/uplink/testing/daemon-end.ts";
import { connect, Hubs, type RunningHub } from "./hubs.ts";

const ATTACHES = 50;
const REVOKED_WITHIN_MS = 1_000;

let server: Awaited<ReturnType<typeof startPostgres>>;
let hubs: Hubs;
let near: RunningHub;
let far: RunningHub;
let machine: Machine;
let sessions: readonly string[];
beforeAll(async () => {
  server = await startPostgres();
  const address = { ...server.address, database: "one_session" };
  await runOn(server.address, `CREATE DATABASE ${address.database}`);
  hubs = new Hubs(address);
  machine = newMachine("shared-machine");
  near = await hubs.start("near", machine);
  far = await hubs.start("far", machine);
  const { defaultSessionId } = await near.client.api.auth.me();
  const { sessionId } = await near.client.api.sessions.create({ title: "Another" });
  sessions = [defaultSessionId, sessionId];
});
afterAll(async () => {
  await hubs.clear();
  await server.stop();
});

const post = async (hub: RunningHub, path: string, body: unknown): Promise<{ status: number; text: string }> => {
  const authorization = `Bearer ${readFileSync(hub.tokenFile, "utf8").trim()}`;
  const headers = { authorization, "content-type": "application/json" };
  const answer = await fetch(`${hub.url}/api/v1/runtime-nodes${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
};
const attach = (hub: RunningHub, sessionId: string) =>
  post(hub, "/attach", {
    ...{ sessionId, nodeId: machine.nodeId, clientVersion: "0.1.0", capabilities: {}, healthState: "online" },
  });
const active = () =>
  hubs.query(
    "SELECT session_id, state FROM runtime_node_attachments WHERE state IN ('registering','online','degraded')",
  );

test("NOD-8 NOD-13 of 50 attaches of one machine to two sessions by two hubs, exactly one session gets it", async () => {
  const asked = Array.from({ length: ATTACHES }, (_, index) => ({
    hub: index % 2 === 0 ? near : far,
    sessionId: sessions[Math.floor(index / 2) % 2] ?? "",
  }));
  const answers = await Promise.all(
    asked.map(async ({ hub, sessionId }) => ({ sessionId, ...(await attach(hub, sessionId)) })),
  );
  const winners = new Set(answers.filter(({ status }) => status === 200).map(({ sessionId }) => sessionId));
  expect(winners.size).toBe(1);
  expect(await active()).toEqual([{ session_id: [...winners][0], state: "registering" }]);
  const losers = answers.filter(({ sessionId }) => !winners.has(sessionId));
  expect(losers.length).toBeGreaterThanOrEqual(Math.floor(ATTACHES / 4) * 2);
  const refusal = {
    code: "runtimenode.attach_conflict",
    message: "The node is active in another session.",
    retryable: true,
  };
  for (const { status, text } of losers) {
    expect(status).toBe(409);
    expect(JSON.parse(text)).toEqual(refusal);
    for (const sessionId of sessions) expect(text).not.toContain(sessionId);
  }
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(ATTACHES - losers.length);
});

test("NOD-16 a machine at one hub that is detached at the other is to say hello anew, and works again when it is attached", async () => {
  const { end, ack } = await connect(far, machine);
  expect(ack.epoch).toBe(1);
  expect(await post(near, "/detach", { nodeId: machine.nodeId })).toEqual({ status: 200, text: "null" });
  expect((await end.next("error")).error.code).toBe("runtimenode.stale_epoch");
  expect(await active()).toEqual([]);
  expect((await attach(near, sessions[0] ?? "")).status).toBe(200);
  expect(await active()).toEqual([{ session_id: sessions[0], state: "online" }]);
  end.socket.terminate();
});

test("NOD-16 a machine at one hub that is revoked at the other is cut off within a second", async () => {
  const [owned] = await hubs.query("SELECT session_id FROM runtime_node_attachments WHERE state = 'online'");
  let sessionId = String(owned?.["session_id"]);
  let incarnation = 1;
  const cutOffAfterMs = await best(REVOKED_WITHIN_MS, async () => {
    incarnation += 1;
    const { end } = await connect(far, machine, `incarnation-00000${incarnation}`);
    const revokedMs = performance.now();
    expect((await post(near, "/revoke", { nodeId: machine.nodeId, sessionId })).text).toBe("null");
    await until("the end of its socket", () => end.closeCode !== undefined);
    const tookMs = performance.now() - revokedMs;
    expect(end.closeCode).toBe(4001);
    expect(end.of("error").at(-1)?.error.code).toBe("runtimenode.attach_revoked");
    // For another try: it is barred from that session alone.
    ({ sessionId } = await near.client.api.sessions.create({ title: "One more" }));
    expect((await attach(near, sessionId)).status).toBe(200);
    return tookMs;
  });
  expect(cutOffAfterMs).toBeLessThan(REVOKED_WITHIN_MS);
});
