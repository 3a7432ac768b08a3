// Sessions, members, tokens and the record of administrative acts from the command line: one hub for the whole file, and
// one person who came by an invite.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { AuditEntry, Fleet, SessionMember, SessionSummary, TokenSummary } from "@muster/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Daemon, inviteLink, joined, onRoster } from "./machines.ts";
import { type Finished, Place, type Up, until } from "./muster.ts";
import { processesOf } from "./processes.ts";

let hub: Place;
let up: Up;
let machine: Place;
let daemon: Daemon;
let shop: SessionSummary;

beforeAll(async () => {
  hub = new Place();
  machine = new Place();
  up = await hub.up();
  ({ session: shop } = await hub.json<{ session: SessionSummary }>("session", "new", "Shop"));
  const link = await inviteLink(hub, "--session", "Shop");
  daemon = await joined(machine, link, "--name", "Ada");
});
afterAll(() => Promise.all([machine.clear(), hub.clear()]));

const errorOf = ({ stderr }: Finished) =>
  (JSON.parse(stderr) as { error: { code: string; message: string; hint: string; exitCode: number } }).error;
const code = async (place: Place, ...args: string[]): Promise<string> =>
  errorOf(await place.muster([...args, "--json"])).code;
const member = async (name: string): Promise<SessionMember | undefined> => {
  const { members } = await hub.json<{ members: SessionMember[] }>("session", "members", "Shop");
  return members.find(({ displayName }) => displayName === name);
};

describe("sessions", () => {
  test("EXP-5 are listed with one's own role, and found by title or id", async () => {
    const { sessions } = await hub.json<{ sessions: SessionSummary[] }>("session", "list");
    expect(sessions.map(({ title, role, isDefault }) => [title, role, isDefault])).toEqual(
      expect.arrayContaining([
        ["Default session", "owner", true],
        ["Shop", "owner", false],
      ]),
    );
    expect((await hub.muster(["session", "show", "Shop"])).stdout).toMatch(
      /Session +Shop\n[\s\S]*Ada +runtime_contributor/,
    );
    const byId = await hub.json<{ session: SessionSummary }>("session", "show", shop.sessionId.slice(-8));
    expect(byId.session.title).toBe("Shop");
    const theirs = await machine.json<{ sessions: SessionSummary[] }>("session", "list");
    expect(theirs.sessions.map(({ title, role }) => [title, role])).toEqual([["Shop", "runtime_contributor"]]);
    expect(await code(machine, "session", "show", "Default session")).toBe("session_not_found");
  });

  test("EXP-5 are renamed, archived, opened again and closed, the last only when it is said twice", async () => {
    const { session } = await hub.json<{ session: SessionSummary }>("session", "new", "Brief");
    await hub.json("session", "rename", "Short", "--session", session.sessionId);
    expect((await hub.muster(["session", "archive", "Short"])).stdout).toContain('"Short" is archived');
    expect((await hub.muster(["session", "list"])).stdout).toMatch(/Short +archived/);
    await hub.json("session", "reopen", "Short");
    const unasked = errorOf(await hub.muster(["session", "close", "Short", "--json"]));
    expect(unasked.hint).toContain("--yes");
    await hub.json("session", "close", "Short", "--yes");
    expect(await code(hub, "session", "show", "Short")).toBe("session_not_found");
    expect(await code(hub, "session", "close", "Default session", "--yes")).toBe("session_default");
  });
});

describe("a session that is closed while a machine works in it", () => {
  test("NOD-1 ends the work, also on the machine, and leaves the machine free for the next session", async () => {
    const own = await until("the hub's machine", async () =>
      (await up.client.api.nodes.list()).nodes.find(({ nodeId }) => nodeId !== daemon.ready.nodeId),
    );
    const { nodeId } = own;
    await hub.json("session", "new", "Doomed");
    await hub.json("nodes", "detach", nodeId);
    await hub.json("nodes", "attach", nodeId, "--session", "Doomed");
    const { projectId } = await hub.json<{ projectId: string }>(
      ...["project", "add", hub.repository("doomed"), "--node", nodeId],
    );
    const { threadId } = await hub.json<{ threadId: string }>(
      ...["thread", "new", "--project", projectId, "--provider", "sample", "--mode", "full-access"],
    );
    await hub.json("turn", "start", threadId, "hang");
    await until("the agent to work", () =>
      processesOf(hub.root).some(({ command }) => command.includes("sample-agent")),
    );
    await hub.json("session", "close", "Doomed", "--yes");
    // Nobody can look into it any more.
    const database = new DatabaseSync(join(hub.home, "hub/hub.db"), { readOnly: true, timeout: 10_000 });
    const turns = database.prepare("SELECT status, reason FROM projection_thread_turns WHERE thread_id = ?");
    await until("the turn's end", () => turns.get(threadId)?.["status"] !== "running");
    expect(turns.all(threadId)).toEqual([{ status: "interrupted", reason: "node_lost" }]);
    const told = database.prepare("SELECT sequence FROM ingest_rejected WHERE node_id = ? AND code = 'turn_settled'");
    await until("the machine to tell of its own end", () => told.get(nodeId) !== undefined);
    database.close();
    await hub.json("nodes", "attach", nodeId, "--session", "Default session");
    await onRoster(up, nodeId);
  });
});

describe("members", () => {
  test("EXP-5 get other roles, are suspended and taken in again, and their machine's mark follows", async () => {
    const { nodeId } = daemon.ready;
    await hub.json("session", "suspend", "Ada", "--session", "Shop");
    expect((await member("Ada"))?.state).toBe("suspended");
    await onRoster(up, nodeId, ({ suspended }) => suspended);
    expect((await hub.muster(["nodes", "--session", "Shop"])).stdout).toMatch(/suspended +Ada/);
    await hub.json("session", "restore", "Ada", "--session", "Shop");
    await hub.json("session", "role", "Ada", "viewer", "--session", "Shop");
    expect(await member("Ada")).toMatchObject({ role: "viewer", state: "active" });
    expect(await code(machine, "project", "add", machine.work)).toBe("permission_denied");
    await hub.json("session", "role", "Ada", "runtime_contributor", "--session", "Shop");
    await onRoster(up, nodeId, ({ suspended }) => !suspended);
    expect(await code(hub, "session", "role", "Nobody", "viewer", "--session", "Shop")).toBe("member_not_found");
    expect(await code(machine, "session", "role", "Ada", "owner", "--session", "Shop")).toBe("permission_denied");
  });

  test("EXP-5 may leave, but not the last owner", async () => {
    const { session } = await hub.json<{ session: SessionSummary }>("session", "new", "Kept");
    expect(await code(hub, "session", "leave", session.sessionId)).toBe("last_owner");
  });
});

describe("tokens", () => {
  test("EXP-5 are told once, are good for their scope alone, and are worthless when revoked", async () => {
    const made = await hub.spawn(["token", "new", "wall display", "--scope", "read"]).finished;
    expect(made.stderr).toContain("told this once");
    const secret = made.stdout.trim();
    const env = { MUSTER_TOKEN: secret };
    expect((await hub.muster(["status"], { env })).exitCode).toBe(0);
    const denied = errorOf(await hub.muster(["project", "add", hub.work, "--json"], { env }));
    expect(denied).toMatchObject({ code: "permission_denied", exitCode: 5 });
    const { tokens } = await hub.json<{ tokens: TokenSummary[] }>("token", "list");
    const display = tokens.find(({ label }) => label === "wall display");
    expect(display).toMatchObject({ scope: "read", kind: "api", isCurrent: false });
    expect(tokens.filter(({ isCurrent }) => isCurrent)).toHaveLength(1);
    expect(JSON.stringify(tokens)).not.toContain(secret);
    const { stdout } = await hub.muster(["token", "list"]);
    expect(stdout).toMatch(/wall display +read +good for 90 d/);
    await hub.json("token", "revoke", String(display?.tokenId.slice(0, 8)));
    const after = errorOf(await hub.muster(["status", "--json"], { env }));
    expect(after).toMatchObject({ code: "unauthenticated", exitCode: 5 });
    expect(await code(hub, "token", "revoke", "ffffffffffff")).toBe("token_not_found");
  });
});

describe("audit", () => {
  test("EXP-11 says who did what, newest first, in pages, to owners alone", async () => {
    await hub.json("session", "new", "Recorded");
    const { exitCode, stdout } = await hub.spawn(["audit", "--json", "--limit", "3"]).finished;
    expect(exitCode).toBe(0);
    const newest = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as AuditEntry);
    expect(newest).toHaveLength(3);
    expect(newest[0]?.action).toMatch(/session.*creat/);
    expect(newest.map(({ at }) => at)).toEqual(
      newest
        .map(({ at }) => at)
        .toSorted()
        .reverse(),
    );
    const older = await hub.muster(["audit", "--json", "--limit", "1", "--before", String(newest[0]?.auditId)]);
    expect(JSON.parse(older.stdout)).toEqual(newest[1]);
    const text = await hub.muster(["audit"]);
    expect(text.stdout).toMatch(/^WHEN +WHO +WHAT +OF +DETAILS\n/);
    expect(text.stdout).toContain("Ada");
    expect(await code(machine, "audit")).toBe("permission_denied");
  });
});

describe("a machine whose only session was closed", () => {
  test("NOD-13 is found by its owner alone, by its name, and lent to another session", async () => {
    const { nodeId } = daemon.ready;
    const { session: attic } = await machine.json<{ session: SessionSummary }>("session", "new", "Attic");
    await hub.json("session", "close", "Shop", "--yes");
    const listed = await machine.muster(["nodes"]);
    expect(listed.stdout).toMatch(/ in no session +Ada /);
    expect(listed.stderr).toMatch(/1 machine of yours is in none of your sessions\. Lend it: .*nodes attach/);
    const { inNoSession } = await machine.json<Fleet>("nodes");
    expect(inNoSession).toMatchObject([{ nodeId, isElsewhere: false }]);
    expect((await hub.json<Fleet>("nodes")).inNoSession).toEqual([]);
    const name = String(inNoSession?.[0]?.capabilities.hostname);
    expect((await machine.muster(["nodes", "show", name])).stdout).toMatch(/Session +none of yours/);
    expect(await code(hub, "nodes", "attach", nodeId)).toBe("node_not_attached");
    await machine.json("nodes", "attach", name, "--session", "Attic");
    const { nodes, ...rest } = await machine.json<Fleet>("nodes");
    expect(nodes).toMatchObject([{ nodeId, sessionId: attic.sessionId, detachedAt: null, suspended: false }]);
    expect(rest).toEqual({ inNoSession: [] });
  });
});
