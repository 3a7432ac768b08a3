// Bad input of the procedures of runtime nodes, over HTTP to a whole hub: each its own typed refusal, and no row has changed.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { SpaceId } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Hub, startHub } from "../server.ts";
import { DaemonEnd, keyOf, newMachine } from "../uplink/testing/daemon-end.ts";

const STRANGER_TOKEN = "s".repeat(43);
const TABLES = [
  "sessions",
  "session_memberships",
  "nodes",
  "runtime_node_attachments",
  "runtime_node_attachment_log",
  "audit_log",
];

let home: string;
let hub: Hub;
let database: DatabaseSync;
let sessionId: string;
let end: DaemonEnd;
const machine = newMachine("machine");
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "muster-hub-"));
  const settings = { home, host: "127.0.0.1", port: 0, version: "0.1.0", consoleDirectory: null, logLevel: "silent" };
  hub = await startHub(settings);
  await hub.enrolLocalNode({ nodeId: machine.nodeId, publicKey: keyOf(machine) });
  end = new DaemonEnd(hub.url);
  end.send(await end.hello(machine, { spaceId: hub.spaceId as SpaceId }));
  await end.next("hello_ack");
  database = new DatabaseSync(join(home, "hub.db"));
  sessionId = String(database.prepare("SELECT default_session_id AS id FROM spaces").get()?.["id"]);
  // A person with a machine of their own in mind, a member like any other.
  const hash = createHash("sha256").update(STRANGER_TOKEN).digest("hex");
  const at = "2026-01-01T00:00:00.000Z";
  const { spaceId } = hub;
  database.exec(`INSERT INTO principals VALUES ('${spaceId}', 'stranger', 'human', 'Stranger', '${at}', NULL)`);
  database.exec(
    `INSERT INTO session_memberships VALUES ('${spaceId}', '${sessionId}', 'stranger', 'runtime_contributor', 'active', '${at}', '${at}')`,
  );
  database.exec(
    `INSERT INTO tokens VALUES ('${hash}', '${spaceId}', 'stranger', '["api"]', 'test', '${at}', NULL, NULL, NULL)`,
  );
});
afterAll(async () => {
  database?.close();
  await hub?.close();
  await rm(home, { recursive: true, force: true });
});

/** Presence but the times that heartbeats of the machine itself move on. */
const dump = (): string =>
  JSON.stringify([
    ...TABLES.map((table) => database.prepare(`SELECT * FROM ${table} ORDER BY 1, 2, 3`).all()),
    database.prepare("SELECT node_id, connection_id, health_state FROM runtime_node_presence ORDER BY 1").all(),
  ]);

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly code: string | null;
}
const ask = async (name: string, body: unknown, token?: string): Promise<Answer> => {
  const authorization = `Bearer ${token ?? readFileSync(hub.tokenFile, "utf8").trim()}`;
  const headers = { authorization, "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await fetch(`${hub.url}/api/v1/runtime-nodes/${name}`, init);
  const text = await answer.text();
  return { status: answer.status, text, code: (JSON.parse(text) as { code?: string } | null)?.code ?? null };
};

const nodeId = machine.nodeId;
const valid = {
  attach: () => ({ sessionId, nodeId, clientVersion: "0.1.0", capabilities: {}, healthState: "online" }),
  heartbeat: () => ({ nodeId, epoch: 1, healthState: "online" }),
  "capability-update": () => ({ nodeId, epoch: 1, capabilities: {} }),
  detach: () => ({ nodeId, epoch: 1 }),
  revoke: () => ({ nodeId, sessionId }),
} as const;
type Name = keyof typeof valid;
const NAMES = Object.keys(valid) as Name[];

const manyKeys = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 1]));
const large = { note: "x".repeat(40 * 1024) };

it.each([
  ...NAMES.flatMap((name): [Name, string, Record<string, unknown>][] => [
    [name, "a nodeId of 257 characters", { nodeId: "n".repeat(257) }],
    [name, "a nodeId with NUL", { nodeId: "no\0de" }],
    [name, "a blank nodeId", { nodeId: " \t " }],
    [name, "an empty nodeId", { nodeId: "" }],
    [name, "a nodeId that is no text", { nodeId: 7 }],
    [name, "a key that nobody knows", { urgent: true }],
    [name, "a participant in the body", { participantId: "stranger" }],
  ]),
  ...(["attach", "capability-update"] as const).flatMap((name): [Name, string, Record<string, unknown>][] => [
    [name, "capabilities of 65 keys", { capabilities: manyKeys }],
    [name, "capabilities of 40 KiB", { capabilities: large }],
    [name, "capabilities that are a list", { capabilities: [] }],
  ]),
  ...(["registering", "offline", "revoked", "ONLINE"] as const).flatMap(
    (state): [Name, string, Record<string, unknown>][] => [
      ["attach", `the state ${state}`, { healthState: state }],
      ["heartbeat", `the state ${state}`, { healthState: state }],
      ["capability-update", `the state ${state}`, { healthChanges: { state } }],
    ],
  ),
  [
    "capability-update",
    "a reason of 513 characters",
    { healthChanges: { state: "degraded", reason: "x".repeat(513) } },
  ],
  ["capability-update", "an unknown key in healthChanges", { healthChanges: { state: "degraded", by: "me" } }],
  ["detach", "a reason of 513 characters", { reason: "x".repeat(513) }],
  ["heartbeat", "an epoch of zero", { epoch: 0 }],
  ["heartbeat", "an epoch between numbers", { epoch: 1.5 }],
] satisfies [Name, string, Record<string, unknown>][])(
  "NOD-4 NOD-5 NOD-7 %s with %s is refused, and nothing has changed",
  async (name, _what, more) => {
    const before = dump();
    const answer = await ask(name, { ...valid[name](), ...more });
    expect([answer.status, answer.code]).toEqual([400, "validation_failed"]);
    expect(dump()).toBe(before);
  },
);

it("NOD-7 another's node and one that is unknown are one answer, byte for byte, and nothing has changed", async () => {
  const before = dump();
  for (const name of ["attach", "heartbeat", "capability-update", "detach"] as const) {
    const another = await ask(name, valid[name](), STRANGER_TOKEN);
    const unknown = await ask(name, { ...valid[name](), nodeId: "nobody's" }, STRANGER_TOKEN);
    expect(another).toEqual(unknown);
    if (name === "detach") expect(another).toEqual({ status: 200, text: "null", code: null });
    else expect([another.status, another.code]).toEqual([403, "runtimenode.permission_denied"]);
  }
  expect(dump()).toBe(before);
});

it("NOD-15 NOD-19 an epoch that is not the newest is refused with 409, a future one too, and nothing has changed", async () => {
  const before = dump();
  for (const name of ["heartbeat", "capability-update", "detach"] as const) {
    const answer = await ask(name, { ...valid[name](), epoch: 2 });
    expect([answer.status, answer.code]).toEqual([409, "runtimenode.stale_epoch"]);
  }
  end.send({ type: "heartbeat", epoch: 2, healthState: "degraded" });
  expect((await end.next("error")).error.code).toBe("runtimenode.stale_epoch");
  expect(dump()).toBe(before);
});

it("NOD-12 NOD-19 a stored floor that is none fails loudly and admits nobody", async () => {
  const setFloor = database.prepare("UPDATE sessions SET min_client_version = ?");
  setFloor.run("v1");
  const before = dump();
  const answers = [
    await ask("attach", valid.attach()),
    await ask("capability-update", valid["capability-update"]()),
    await ask("attach", { ...valid.attach(), clientVersion: "999.0" }),
  ];
  expect(answers.map(({ status, code }) => [status, code])).toEqual(Array(3).fill([500, "internal_error"]));
  const late = new DaemonEnd(hub.url);
  late.send(await late.hello(machine, { spaceId: hub.spaceId as SpaceId, incarnation: "incarnation-000002" }));
  await until("the refusal", () => late.closeCode !== undefined);
  expect(late.of("hello_ack")).toEqual([]);
  expect(dump()).toBe(before);
  setFloor.run(null);
});

it("NOD-6 what fits is taken: the same requests without the faults", async () => {
  expect(JSON.parse((await ask("attach", valid.attach())).text)).toMatchObject({ state: "registering", epoch: 1 });
  expect(JSON.parse((await ask("capability-update", valid["capability-update"]())).text)).toMatchObject({
    nodeId,
    state: "online",
  });
  // The refused ones counted toward its limit.
  await until("a heartbeat", async () => (await ask("heartbeat", valid.heartbeat())).text === "null");
  expect((await ask("detach", valid.detach())).text).toBe("null");
  expect((await ask("revoke", valid.revoke())).text).toBe("null");
});
