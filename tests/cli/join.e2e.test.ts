// A second machine from the invite to its work, its death and its end: two homes, real processes, one hub.
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ThreadId } from "@muster/contracts";
import { best } from "@muster/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Daemon, daemonUp, inviteLink, joined, onRoster } from "./machines.ts";
import { type Finished, Place, type Up, until } from "./muster.ts";
import { processesOf } from "./processes.ts";
import { startProxy } from "./proxy.ts";

/** What the product promises. */
const END_MAX_MS = 5_000;

let hub: Place;
let up: Up;
const machines: Place[] = [];

// One for each test, because an address may redeem five invites a minute.
beforeEach(async () => {
  hub = newMachine();
  up = await hub.up();
});
afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.clear();
});

function newMachine(): Place {
  const machine = new Place();
  machines.push(machine);
  return machine;
}

async function joinedMachine(...options: string[]): Promise<{ machine: Place; daemon: Daemon }> {
  const machine = newMachine();
  const daemon = await joined(machine, await inviteLink(hub, ...options));
  return { machine, daemon };
}

const errorOf = ({ stderr }: Finished) =>
  (JSON.parse(stderr) as { error: { code: string; message: string; hint: string; exitCode: number } }).error;

const endedBy = async (daemon: Daemon, signal: NodeJS.Signals): Promise<Finished & { tookMs: number }> => {
  const began = performance.now();
  daemon.child.kill(signal);
  const finished = await daemon.finished;
  return { ...finished, tookMs: performance.now() - began };
};

/** Lets the time of all invites that wait be over, which no command does. */
function expireInvites(place: Place): void {
  const database = new DatabaseSync(join(place.home, "hub/hub.db"), { timeout: 10_000 });
  database.exec("UPDATE session_invites SET expires_at = '2026-01-01T00:00:00.000Z' WHERE state = 'pending'");
  database.close();
}

describe("an invite", () => {
  test("EXP-3 is one line, which is the command for the other machine, and says where it works", async () => {
    const { exitCode, stdout, stderr } = await hub.spawn(["invite"]).finished;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^muster join "http:\/\/127\.0\.0\.1:\d+\/join#token=[\w-]{43}"\n$/);
    expect(stderr).toContain("It lets one in, once");
    expect(stderr).toContain("This link works on this machine only");
    const answer = await hub.json<{ joinUrl: string; command: string; invite: { role: string } }>(
      "invite",
      "--role",
      "viewer",
    );
    expect(answer.command).toBe(`muster join "${answer.joinUrl}"`);
    expect(answer.invite.role).toBe("viewer");
  });

  test("EXP-3 leaves a token that only its owner can read, and commands there talk to the joined hub", async () => {
    const { machine, daemon } = await joinedMachine();
    expect(Object.keys(daemon.ready).sort()).toEqual(["home", "nodeId", "pid", "ready", "sessionId", "url"]);
    expect(daemon.ready).toMatchObject({ url: up.ready.url, home: machine.home, pid: daemon.child.pid });
    expect(daemon.stdout().trimEnd().split("\n")).toHaveLength(1);
    for (const name of ["token", "hub.json", "identity.json"])
      expect(statSync(join(machine.home, "daemon", name)).mode & 0o777, name).toBe(0o600);
    const status = await machine.json<Record<string, unknown>>("status");
    expect(status).toMatchObject({ url: up.ready.url, node: { nodeId: daemon.ready.nodeId, state: "online" } });
    const { checks, ok } = await machine.json<{ ok: boolean; checks: { name: string; state: string }[] }>("doctor");
    expect(checks.map(({ name }) => name)).toEqual([
      "runtime",
      "git",
      "home",
      "joined",
      "daemon",
      "hub",
      "integrity",
      "node",
      "agents",
    ]);
    expect({ ok, failed: checks.filter(({ state }) => state === "fail") }).toEqual({ ok: true, failed: [] });
    const token = readFileSync(join(machine.home, "daemon/token"), "utf8").trim();
    expect(`${daemon.stdout()}${daemon.stderr()}`).not.toContain(token);
    expect(readFileSync(join(machine.home, "daemon/daemon.log"), "utf8")).not.toContain(token);
  });

  test("EXP-3 that was used, revoked, expired or never made is refused by name, and leaves no joined home", async () => {
    const used = await inviteLink(hub);
    await endedBy(await joined(newMachine(), used), "SIGTERM");
    const revoked = await inviteLink(hub);
    const { invites } = await hub.json<{ invites: { inviteId: string; state: string }[] }>("invite", "list");
    const [newest] = invites.filter(({ state }) => state === "pending");
    await hub.json("invite", "revoke", String(newest?.inviteId));
    const expired = await inviteLink(hub);
    expireInvites(hub);
    const guessed = used.replace(/[\w-]{43}$/, "A".repeat(43));
    const machine = newMachine();
    for (const [link, code] of [
      [used, "invite_used"],
      [revoked, "invite_revoked"],
      [guessed, "invite_invalid"],
      [expired, "invite_expired"],
    ] as const) {
      const refused = await machine.muster(["join", link, "--json"]);
      expect(errorOf(refused), code).toMatchObject({ code, exitCode: 5 });
      expect(refused.exitCode).toBe(5);
      expect(refused.stderr).toContain("muster invite");
      expect(existsSync(join(machine.home, "daemon/hub.json"))).toBe(false);
    }
    const malformed = await machine.muster(["join", used.replace(/#.*/, ""), "--json"]);
    expect(errorOf(malformed)).toMatchObject({ code: "validation_failed", exitCode: 2 });
    expect(errorOf(malformed).message).toContain("lost its end");
  });
});

describe("work on the second machine", () => {
  test("EXP-3 is asked for, allowed and seen from the first", async () => {
    const { machine, daemon } = await joinedMachine("--role", "runtime_contributor");
    const folder = machine.repository("shop");
    const project = await machine.json<{ nodeId: string }>("project", "add", ".", "--title", "There");
    expect(project.nodeId).toBe(daemon.ready.nodeId);
    const added = await hub.json<{ nodeId: string; sessionId: string; projectId: string }>(
      "project",
      "add",
      folder,
      "--node",
      daemon.ready.nodeId,
    );
    expect(added).toMatchObject({ nodeId: daemon.ready.nodeId, sessionId: daemon.ready.sessionId });
    const { threadId } = await hub.json<{ threadId: ThreadId }>(
      "thread",
      "new",
      "--project",
      added.projectId,
      "--provider",
      "sample",
    );
    const turn = hub.spawn(["turn", "start", threadId, "edit far.txt: away\nsay Done there.", "--follow"]);
    const requestId = await until("the question", () => /muster approve (\S+),/.exec(turn.stdout())?.[1]);
    expect((await hub.muster(["approve", requestId])).stdout).toContain("Allowed: Write far.txt");
    expect((await turn.finished).exitCode).toBe(0);
    expect(readFileSync(join(folder, "far.txt"), "utf8")).toBe("away");
    expect((await hub.muster(["diff", threadId])).stdout).toContain("+away");
    expect((await machine.muster(["thread", "show", threadId])).stdout).toContain("Done there.");
  });
});

describe("the second daemon", () => {
  test("NOD-15 killed and started again is the same machine in the same slot, in a later epoch", async () => {
    const { machine, daemon } = await joinedMachine();
    const before = await onRoster(up, daemon.ready.nodeId);
    daemon.child.kill("SIGKILL");
    await daemon.finished;
    const again = await daemonUp(machine);
    expect(again.ready).toMatchObject({ nodeId: daemon.ready.nodeId, sessionId: daemon.ready.sessionId });
    const after = await onRoster(
      up,
      daemon.ready.nodeId,
      ({ state, epoch }) => state === "online" && epoch > before.epoch,
    );
    expect(after).toMatchObject({ sessionId: before.sessionId, ownerId: before.ownerId, readOnly: false });
    const { nodes } = await up.client.api.nodes.list();
    expect(nodes.filter(({ nodeId }) => nodeId === daemon.ready.nodeId)).toHaveLength(1);
    const second = await machine.muster(["daemon", "up", "--json"]);
    expect(errorOf(second)).toMatchObject({ code: "already_running", exitCode: 1 });
    expect(errorOf(second).message).toBe(`The daemon of ${machine.home} runs already: process ${again.ready.pid}.`);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "EXP-3 ends by %s within 5 s with code 0, and leaves no agent",
    async (signal) => {
      const endAfterMs = async (): Promise<number> => {
        const { machine, daemon } = await joinedMachine();
        const folder = machine.repository("shop");
        const { projectId } = await machine.json<{ projectId: string }>("project", "add", folder);
        const { threadId } = await machine.json<{ threadId: ThreadId }>(
          ...["thread", "new", "--project", projectId, "--provider", "sample", "--mode", "full-access"],
        );
        const watcher = machine.spawn(["turn", "start", threadId, "say Working.\nhang", "--follow"]);
        await until("the agent to work", () => watcher.stdout().includes("Working."));
        const { exitCode, tookMs } = await endedBy(daemon, signal);
        expect(exitCode).toBe(0);
        expect((await watcher.finished).stdout).toContain("the daemon was stopped");
        expect(processesOf(machine.root)).toEqual([]);
        return tookMs;
      };
      expect(await best(END_MAX_MS, endAfterMs)).toBeLessThan(END_MAX_MS);
    },
  );

  test("EXP-3 whose machine is revoked while it runs ends with code 4 and says why; the roster shows it", async () => {
    const { machine, daemon } = await joinedMachine();
    const { nodeId } = daemon.ready;
    const unasked = await hub.muster(["nodes", "revoke", nodeId, "--json"]);
    expect(errorOf(unasked)).toMatchObject({ code: "validation_failed" });
    expect(errorOf(unasked).hint).toContain("--yes");
    await onRoster(up, nodeId);
    await hub.json("nodes", "revoke", nodeId, "--yes", "--reason", "it was stolen");
    const ended = await daemon.finished;
    expect(ended.exitCode).toBe(4);
    expect(errorOf(ended)).toMatchObject({ code: "runtimenode.attach_revoked", exitCode: 4 });
    expect(errorOf(ended).message).toContain("An owner revoked this machine's place");
    const row = await onRoster(up, nodeId, ({ state }) => state === "revoked");
    expect(row.detachReason).toBe("it was stolen");
    const { stdout } = await hub.muster(["nodes"]);
    expect(stdout).toMatch(/ revoked: it was stolen .*0\.1\.0/);
    const again = await machine.muster(["daemon", "up"]);
    expect(again.exitCode).toBe(4);
    expect(again.stderr).toMatch(/^Error: An owner revoked this machine's place .*\n {2}.*muster invite/m);
    const doctor = await machine.muster(["doctor"]);
    expect(doctor.exitCode).toBe(4);
    expect(doctor.stdout).toContain("an owner revoked this machine's place");
  });

  test("EXP-3 that was revoked and is the hub's own keeps no hub from serving", async () => {
    const { nodeId } = await until("the hub's machine", async () => (await up.client.api.nodes.list()).nodes[0]);
    await onRoster(up, nodeId);
    await hub.json("nodes", "revoke", nodeId, "--yes");
    await onRoster(up, nodeId, ({ state }) => state === "revoked");
    expect((await hub.muster(["status"])).exitCode).toBe(0);
    up.child.kill("SIGTERM");
    expect((await up.finished).exitCode).toBe(0);
    const again = hub.spawn(["up", "--json", "--port", "0", "--workspace-root", hub.work]);
    const line = await until("the warning", () => /^\{"warning":.*\}\n/m.exec(again.stderr())?.[0]);
    const { warning } = JSON.parse(line) as { warning: { code: string; message: string } };
    expect(warning.code).toBe("runtimenode.attach_revoked");
    expect(warning.message).toContain("The hub serves, but without this machine");
    await until("the hub to be ready", () => again.stdout().includes('"ready":true'));
    await joined(newMachine(), await inviteLink(hub));
  });

  test("NOD-13 detached is connected without work, and has its slot again when its owner attaches it", async () => {
    const { machine, daemon } = await joinedMachine();
    const { nodeId } = daemon.ready;
    await machine.json("nodes", "detach", nodeId, "--reason", "lunch");
    expect(await onRoster(up, nodeId, ({ state }) => state === "offline")).toMatchObject({ detachReason: "lunch" });
    expect((await hub.muster(["nodes"])).stdout).toContain("detached: lunch");
    await machine.json("nodes", "attach", nodeId);
    await onRoster(up, nodeId);
    const foreign = await hub.muster(["nodes", "detach", nodeId, "--json"]);
    expect(errorOf(foreign)).toMatchObject({ code: "runtimenode.permission_denied", exitCode: 5 });
    expect(daemon.child.exitCode).toBeNull();
  });
});

describe("a hub that is away", () => {
  test("EXP-3 is waited for by a daemon, which is on the roster when it is back, and spends no invite", async () => {
    const port = new URL(up.ready.url).port;
    const machine = newMachine();
    const daemon = await joined(machine, await inviteLink(hub));
    const unused = await inviteLink(hub);
    await endedBy(daemon, "SIGTERM");
    up.child.kill("SIGTERM");
    await up.finished;
    const late = newMachine();
    const refused = await late.muster(["join", unused, "--json"]);
    expect(errorOf(refused)).toMatchObject({ code: "hub_unreachable", exitCode: 6 });
    expect(errorOf(refused).message).toContain("not used up");
    const waiting = machine.spawn(["daemon", "up"]);
    await until("the note", () => waiting.stderr().includes("does not answer yet"));
    expect(waiting.stdout()).toBe("");
    const second = await hub.up("--port", port);
    await until("the daemon to be ready", () => waiting.stdout().includes("on the roster"));
    await onRoster(second, daemon.ready.nodeId);
    await joined(late, unused);
    waiting.child.kill("SIGTERM");
    expect((await waiting.finished).exitCode).toBe(0);
  });

  test("EXP-3 that never comes back keeps no daemon from ending", async () => {
    const machine = newMachine();
    await endedBy(await joined(machine, await inviteLink(hub)), "SIGTERM");
    up.child.kill("SIGTERM");
    await up.finished;
    const waiting = machine.spawn(["daemon", "up"]);
    await until("the note", () => waiting.stderr().includes("does not answer yet"));
    waiting.child.kill("SIGINT");
    expect(await waiting.finished).toMatchObject({ exitCode: 0, stdout: "" });
  });
});

describe("a home", () => {
  test("EXP-3 holds a hub or has joined one, never both", async () => {
    const { machine } = await joinedMachine();
    const hubThere = await machine.muster(["up", "--port", "0", "--json"]);
    expect(errorOf(hubThere)).toMatchObject({ code: "already_joined", exitCode: 3 });
    const link = await inviteLink(hub);
    const again = await machine.muster(["join", link, "--json"]);
    expect(errorOf(again)).toMatchObject({ code: "already_joined", exitCode: 3 });
    const joinThere = await hub.muster(["join", link, "--json"]);
    expect(errorOf(joinThere)).toMatchObject({ code: "already_joined", exitCode: 3 });
    expect(errorOf(joinThere).hint).toContain("--home");
    const daemonThere = await hub.muster(["daemon", "up", "--json"]);
    expect(errorOf(daemonThere)).toMatchObject({ code: "not_joined", exitCode: 3 });
    await joined(newMachine(), link);
  });
});

describe("a join that was cut off before its answer was kept", () => {
  test("EXP-3 strands no machine: the owner removes who joined, and a new invite brings the same machine in", async () => {
    const { machine, daemon } = await joinedMachine("--role", "runtime_contributor");
    await endedBy(daemon, "SIGTERM");
    for (const name of ["hub.json", "token"]) rmSync(join(machine.home, "daemon", name));
    const link = await inviteLink(hub);
    const refused = await machine.muster(["join", link, "--json"]);
    expect(errorOf(refused)).toMatchObject({ code: "runtimenode.permission_denied", exitCode: 5 });
    expect(errorOf(refused).message).toContain("the invite is not used up");
    const { nodes } = await up.client.api.nodes.list();
    const owner = nodes.find(({ nodeId }) => nodeId === daemon.ready.nodeId)?.ownerId;
    await hub.json("session", "remove", String(owner));
    const again = await joined(machine, link);
    expect(again.ready.nodeId).toBe(daemon.ready.nodeId);
    expect(await onRoster(up, daemon.ready.nodeId)).toMatchObject({ suspended: false });
  });
});

describe("a hub behind a proxy", () => {
  test("EXP-3 is joined under the proxy's name, uplink and all", async () => {
    const proxy = await startProxy();
    const other = newMachine();
    const url = `http://localhost:${proxy.port}`;
    const behind = await other.up("--public-url", url);
    expect(behind.ready.url).toBe(url);
    const answer = JSON.parse(readFileSync(join(other.home, "hub/endpoint.json"), "utf8")) as { url: string };
    expect(answer.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    proxy.handOnTo(Number(new URL(answer.url).port));
    const machine = newMachine();
    const daemon = await joined(machine, await inviteLink(other));
    expect(daemon.ready.url).toBe(url);
    const row = await onRoster(behind, daemon.ready.nodeId);
    expect(row.health).toBe("online");
    expect((await machine.json<{ url: string }>("status")).url).toBe(url);
    await endedBy(daemon, "SIGTERM");
    proxy.close();
  });
});
