// A machine below its session's version floor, from the look that it is left with to the upgrade: two homes, real processes,
// one hub. The older machine's processes are of an older version.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createClient } from "@muster/client";
import type { ThreadId } from "@muster/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkoutOf } from "./checkout.ts";
import { daemonUp, inviteLink, joined, onRoster } from "./machines.ts";
import { bin, type Finished, Place, readThread, type Up, until } from "./muster.ts";

const OLDER = "0.0.9";

let hub: Place;
let up: Up;
const machines: Place[] = [];

beforeAll(async () => {
  hub = newMachine();
  up = await hub.up();
});
afterAll(async () => {
  for (const machine of machines.splice(0)) await machine.clear();
});

function newMachine(): Place {
  const machine = new Place();
  machines.push(machine);
  return machine;
}

async function newSession(title: string): Promise<string> {
  const { session } = await hub.json<{ session: { sessionId: string } }>("session", "new", title);
  return session.sessionId;
}

const errorOf = ({ stderr }: Finished) =>
  (JSON.parse(stderr) as { error: { code: string; message: string; exitCode: number } }).error;

/** Whatever slots the machine has had, as the hub's database holds them. */
function slotsOf(nodeId: string): unknown[] {
  const database = new DatabaseSync(join(hub.home, "hub/hub.db"), { readOnly: true, timeout: 10_000 });
  const slots = database
    .prepare("SELECT id, session_id, participant_id FROM runtime_node_attachments WHERE node_id = ?")
    .all(nodeId);
  database.close();
  return slots;
}

describe("the floor of a session", () => {
  test("NOD-11 lets an older machine look and end what it began, and gives it nothing new", async () => {
    const sessionId = await newSession("Floors");
    const machine = newMachine();
    const { nodeId } = (await joined(machine, await inviteLink(hub, "--session", sessionId))).ready;
    const { projectId } = await machine.json<{ projectId: string }>("project", "add", machine.repository("shop"));
    const { threadId } = await machine.json<{ threadId: ThreadId }>(
      ...["thread", "new", "--project", projectId, "--provider", "sample"],
    );
    const turn = machine.spawn(["turn", "start", threadId, "edit late.txt: yes", "--follow"]);
    const requestId = await until("the question", () => /muster approve (\S+),/.exec(turn.stdout())?.[1]);
    await hub.json("session", "floor", "0.2", "--session", sessionId);
    expect((await onRoster(up, nodeId, ({ readOnly }) => readOnly)).state).toBe("online");
    expect((await hub.muster(["nodes", "--session", sessionId])).stdout).toContain("read only");
    expect((await machine.muster(["approve", requestId])).exitCode).toBe(0);
    expect((await turn.finished).exitCode).toBe(0);
    const refused = await machine.muster(["turn", "start", threadId, "say More.", "--json"]);
    expect(errorOf(refused)).toMatchObject({ code: "version.floor_exceeded", exitCode: 4 });
    const falling = await hub.muster(["session", "floor", "none", "--session", sessionId, "--json"]);
    expect(errorOf(falling)).toMatchObject({ code: "session_floor_lowered", exitCode: 3 });
    await hub.json("session", "floor", "none", "--lower", "--session", sessionId);
    const again = await machine.muster(["turn", "start", threadId, "say More.", "--follow"]);
    expect(again.stdout).toContain("More.");
    expect((await readThread(up.client, threadId)).turns.map(({ status }) => status)).toEqual([
      "completed",
      "completed",
    ]);
  });

  test("NOD-11 NOD-12 lets a daemon of an older version in to look, and once it is upgraded it works in the same slot", async () => {
    const sessionId = await newSession("Upgrades");
    await hub.json("session", "floor", "0.1", "--session", sessionId);
    const machine = newMachine();
    machine.program = checkoutOf(OLDER, join(machine.root, "checkout"));
    const link = await inviteLink(hub, "--session", sessionId);
    const daemon = await joined(machine, link);
    const { nodeId } = daemon.ready;
    const before = await onRoster(up, nodeId);
    expect(before).toMatchObject({ clientVersion: OLDER, readOnly: true, suspended: false, health: "online" });
    expect((await hub.muster(["nodes", "--session", sessionId])).stdout).toMatch(/read only .*0\.0\.9/);
    const { projectId } = await machine.json<{ projectId: string }>("project", "add", machine.repository("shop"));
    const { threadId } = await machine.json<{ threadId: ThreadId }>(
      ...["thread", "new", "--project", projectId, "--provider", "sample", "--mode", "full-access"],
    );
    for (const place of [machine, hub]) {
      const refused = await place.muster(["turn", "start", threadId, "say Too old.", "--json"]);
      expect(errorOf(refused)).toMatchObject({ code: "version.floor_exceeded", exitCode: 4 });
    }

    // As its owner, who may speak for it: it is heard, what it would write is refused, and it stays.
    const token = readFileSync(join(machine.home, "daemon/token"), "utf8").trim();
    const { runtimeNode } = createClient({ baseUrl: up.ready.url, token }).api;
    await runtimeNode.heartbeat({ nodeId: before.nodeId, epoch: before.epoch, healthState: "online" });
    await onRoster(up, nodeId, (node) => String(node.lastHeartbeatAt) > String(before.lastHeartbeatAt));
    const { capabilities } = before;
    await expect(
      runtimeNode.capabilityUpdate({ nodeId: before.nodeId, epoch: before.epoch, capabilities }),
    ).rejects.toMatchObject({ code: "version.floor_exceeded" });
    expect(await onRoster(up, nodeId)).toMatchObject({ epoch: before.epoch, health: "online", readOnly: true });
    expect(daemon.child.exitCode).toBeNull();
    const slots = slotsOf(nodeId);
    daemon.child.kill("SIGTERM");
    expect((await daemon.finished).exitCode).toBe(0);

    machine.program = bin;
    const upgraded = await daemonUp(machine);
    expect(upgraded.ready).toMatchObject({ nodeId, sessionId });
    const after = await onRoster(up, nodeId, ({ state, readOnly }) => state === "online" && !readOnly);
    expect(after).toMatchObject({ sessionId, ownerId: before.ownerId, clientVersion: "0.1.0" });
    expect(after.epoch).toBeGreaterThan(before.epoch);
    expect(slotsOf(nodeId)).toEqual(slots);
    expect((await hub.muster(["nodes", "--session", sessionId])).stdout).not.toContain("read only");
    await runtimeNode.capabilityUpdate({ nodeId: after.nodeId, epoch: after.epoch, capabilities: after.capabilities });
    const turn = await machine.muster(["turn", "start", threadId, "edit new.txt: yes\nsay New enough.", "--follow"]);
    expect(turn).toMatchObject({ exitCode: 0 });
    expect(turn.stdout).toContain("New enough.");
    expect((await readThread(up.client, threadId)).turns.map(({ status }) => status)).toEqual(["completed"]);
  });
});
