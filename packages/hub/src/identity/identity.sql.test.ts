import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MusterError, type PrincipalId } from "@muster/contracts";
import { createIds } from "@muster/core";
import { afterEach, beforeEach, expect, it } from "vitest";
import { HUB_MIGRATIONS } from "../schema/index.ts";
import { onBothDatabases, openTestDatabase } from "../schema/test-databases.ts";
import { openIdentity } from "./index.ts";
import { COOKIE_TTL_MS, LOGIN_TOKEN_TTL_MS } from "./limits.ts";
import { movableClock, type Opened, openTestIdentity, random, START } from "./testing/opened.ts";
import { hashToken } from "./tokens.ts";

let opened: Opened;
beforeEach(async () => {
  opened = await openTestIdentity();
});
afterEach(async () => {
  await opened.close();
});

const tokenOnDisk = async () => (await readFile(opened.identity.cliTokenFile, "utf8")).trim();
const byBearer = (token: string) =>
  opened.identity.authenticate({ authorization: `Bearer ${token}`, cookie: undefined });
const byCookie = (cookie: string) => opened.identity.authenticate({ authorization: undefined, cookie });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof MusterError ? error.code : String(error)),
  );
const owner = () => ({ spaceId: opened.identity.spaceId, principalId: opened.identity.ownerId });
const addPrincipal = async (kind: string, role: string | null, state = "active") => {
  const id = `${kind}-${role ?? "nobody"}-${state}`;
  const { spaceId } = opened.identity;
  const at = new Date(START).toISOString();
  await opened.run("INSERT INTO principals VALUES (?, ?, ?, ?, ?, NULL)", spaceId, id, kind, id, at);
  if (role !== null) {
    await opened.run(
      "INSERT INTO session_memberships SELECT space_id, default_session_id, ?, ?, ?, ?, ? FROM spaces",
      id,
      role,
      state,
      at,
      at,
    );
  }
  return id as PrincipalId;
};
const logIn = async (principalId: PrincipalId = opened.identity.ownerId) => {
  const { token } = await opened.identity.createLoginToken({ spaceId: opened.identity.spaceId, principalId });
  return opened.identity.redeemLoginToken(token);
};

onBothDatabases("the first start", () => {
  it("founds a space with a default session, an owner and a service for the command line", async () => {
    const { identity } = opened;
    expect(await opened.query("SELECT space_id, default_session_id IS NOT NULL AS has_session FROM spaces")).toEqual([
      expect.objectContaining({ space_id: identity.spaceId, has_session: 1 }),
    ]);
    const members = await opened.query(
      "SELECT kind, role, state FROM session_memberships JOIN principals ON principal_id = participant_id ORDER BY kind",
    );
    expect(members.map((row) => ({ ...row }))).toEqual([
      { kind: "human", role: "owner", state: "active" },
      { kind: "service", role: "owner", state: "active" },
    ]);
  });

  it("gives the space a short id, because it stands in every key", async () => {
    expect(opened.identity.spaceId).toMatch(/^[0-9a-f]{12}$/);
  });

  it("NOD-1 gives every space a default session whose owner is who made it", async () => {
    const caller = await byBearer(await tokenOnDisk());
    expect(caller?.roles.get(caller.defaultSessionId)).toBe("owner");
    const { caller: human } = await logIn();
    expect(human.principalId).toBe(opened.identity.ownerId);
    expect(human.roles.get(human.defaultSessionId)).toBe("owner");
    expect(opened.identity.me(human).role).toBe("owner");
  });

  it("leaves one space when two processes start at once", async () => {
    const home = await mkdtemp(join(tmpdir(), "muster-race-"));
    const clock = movableClock();
    const ids = createIds(clock, random);
    const database = await openTestDatabase();
    const store = await database.open();
    await store.migrate(HUB_MIGRATIONS, { appliedAt: new Date(START).toISOString(), generation: ids.next() });
    const [one, two] = await Promise.all([1, 2].map(() => openIdentity({ store, clock, ids, random, home })));
    expect(two?.spaceId).toBe(one?.spaceId);
    expect(two?.ownerId).toBe(one?.ownerId);
    const token = (await readFile(join(home, "cli-token"), "utf8")).trim();
    expect(await one?.authenticate({ authorization: `Bearer ${token}`, cookie: undefined })).not.toBeNull();
    await store.close();
    await database.dispose();
    await rm(home, { recursive: true });
  });

  it("says which file cannot be written when the home is not there", async () => {
    const home = join(opened.home, "missing");
    const again = openIdentity({
      store: opened.store,
      clock: opened.clock,
      ids: createIds(opened.clock, random),
      random,
      home,
    });
    await expect(again).rejects.toMatchObject({ code: "home_unwritable", details: { path: join(home, "cli-token") } });
  });
});

onBothDatabases("the command line's token", () => {
  it("lies in a file that only its owner can read, and nothing else is left beside it", async () => {
    const { mode } = await stat(opened.identity.cliTokenFile);
    expect(mode & 0o777).toBe(0o600);
    expect((await readdir(opened.home)).filter((name) => name.startsWith("cli-token"))).toEqual(["cli-token"]);
    expect(await tokenOnDisk()).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it("stays the same when the hub starts again", async () => {
    const before = await tokenOnDisk();
    const again = await opened.reopen();
    expect(await tokenOnDisk()).toBe(before);
    expect(again.spaceId).toBe(opened.identity.spaceId);
    expect(again.ownerId).toBe(opened.identity.ownerId);
  });

  it.each([
    ["missing", () => rm(opened.identity.cliTokenFile)],
    ["empty", () => writeFile(opened.identity.cliTokenFile, "")],
    ["unknown", () => writeFile(opened.identity.cliTokenFile, "x".repeat(43))],
    ["revoked", () => opened.run("UPDATE tokens SET revoked_at = created_at")],
  ])("is renewed when it is %s", async (_what, spoil) => {
    const before = await tokenOnDisk();
    await spoil();
    await opened.reopen();
    expect(await tokenOnDisk()).not.toBe(before);
    expect((await byBearer(await tokenOnDisk()))?.principalKind).toBe("service");
    expect(await opened.query("SELECT 1 FROM audit_log WHERE action = 'cli-token.created'")).toHaveLength(1);
  });

  it("gets its mode back when someone widened it", async () => {
    const { chmod } = await import("node:fs/promises");
    await chmod(opened.identity.cliTokenFile, 0o644);
    await opened.reopen();
    expect((await stat(opened.identity.cliTokenFile)).mode & 0o777).toBe(0o600);
  });
});

onBothDatabases("what the database holds", () => {
  it("NOD-23 keeps hashes of tokens and never a token, in any table", async () => {
    const { token } = await opened.identity.createLoginToken(owner());
    const { cookieToken } = await opened.identity.redeemLoginToken(token);
    const secrets = [await tokenOnDisk(), token, cookieToken];
    const dump: string[] = [];
    for (const table of ["tokens", "audit_log", "principals", "spaces", "sessions"]) {
      dump.push(JSON.stringify(await opened.query(`SELECT * FROM ${table}`)));
    }
    for (const secret of secrets) {
      expect(dump.join()).not.toContain(secret);
      expect(await opened.query("SELECT 1 AS found FROM tokens WHERE token_hash = ?", hashToken(secret))).toHaveLength(
        1,
      );
    }
  });

  it("EXP-11 logs who made, redeemed and ended a login", async () => {
    const { cookieToken } = await logIn();
    await opened.identity.logout({ cookie: cookieToken });
    const rows = await opened.query("SELECT actor_id, action, details_json FROM audit_log ORDER BY audit_id");
    expect(rows.map((row) => row["action"])).toEqual([
      "space.created",
      "login-link.created",
      "login-link.redeemed",
      "logout",
    ]);
    expect(new Set(rows.map((row) => row["actor_id"]))).toEqual(new Set([opened.identity.ownerId]));
    expect(String(rows[3]?.["details_json"])).toContain(hashToken(cookieToken).slice(0, 8));
    expect(String(rows[3]?.["details_json"])).not.toContain(hashToken(cookieToken).slice(0, 9));
  });

  it("forgets logins that have expired", async () => {
    await logIn();
    opened.clock.advance(COOKIE_TTL_MS);
    await opened.identity.createLoginToken(owner());
    expect(await opened.query("SELECT scopes_json FROM tokens ORDER BY scopes_json")).toEqual([
      expect.objectContaining({ scopes_json: '["api"]' }),
      expect.objectContaining({ scopes_json: '["login"]' }),
    ]);
  });
});

onBothDatabases("a login link", () => {
  it("works once, whoever comes second", async () => {
    const { token } = await opened.identity.createLoginToken(owner());
    expect((await opened.identity.redeemLoginToken(token)).maxAgeSeconds).toBe(30 * 24 * 60 * 60);
    expect(await codeOf(opened.identity.redeemLoginToken(token))).toBe("login_link_invalid");
  });

  it("works once when twenty redeem it at the same time", async () => {
    const { token } = await opened.identity.createLoginToken(owner());
    const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(opened.identity.redeemLoginToken(token))));
    expect(codes.filter((code) => code === "no error")).toHaveLength(1);
    expect(codes.filter((code) => code === "login_link_invalid")).toHaveLength(19);
    expect(await opened.query("SELECT 1 FROM tokens WHERE scopes_json = '[\"cookie\"]'")).toHaveLength(1);
  });

  it("is good for ten minutes and not for a moment longer", async () => {
    const first = await opened.identity.createLoginToken(owner());
    expect(Date.parse(first.expiresAt)).toBe(START + LOGIN_TOKEN_TTL_MS);
    opened.clock.advance(LOGIN_TOKEN_TTL_MS);
    expect(await codeOf(opened.identity.redeemLoginToken(first.token))).toBe("login_link_invalid");
  });

  it.each(["", "x", "not a token at all", "a".repeat(300), "A".repeat(43), "' OR 1=1 --"])(
    "is not %j",
    async (token) => {
      expect(await codeOf(opened.identity.redeemLoginToken(token))).toBe("login_link_invalid");
    },
  );

  it("is nothing for a principal that was disabled meanwhile", async () => {
    const { token } = await opened.identity.createLoginToken(owner());
    await opened.run("UPDATE principals SET disabled_at = created_at");
    expect(await codeOf(opened.identity.redeemLoginToken(token))).toBe("login_link_invalid");
  });
});

onBothDatabases("authentication", () => {
  it("takes each token in its own place only", async () => {
    const { token } = await opened.identity.createLoginToken(owner());
    const { cookieToken } = await logIn();
    const api = await tokenOnDisk();
    expect(await byBearer(api)).not.toBeNull();
    expect(await byCookie(cookieToken)).not.toBeNull();
    for (const wrong of [token, cookieToken]) expect(await byBearer(wrong)).toBeNull();
    for (const wrong of [token, api]) expect(await byCookie(wrong)).toBeNull();
    for (const wrong of [api, cookieToken]) {
      expect(await codeOf(opened.identity.redeemLoginToken(wrong))).toBe("login_link_invalid");
    }
  });

  it("never falls back from a bad bearer header to a good cookie", async () => {
    const { cookieToken } = await logIn();
    for (const authorization of ["", "Bearer", "Bearer x", "Basic dXNlcjpwYXNz", `Bearer ${"x".repeat(43)}`]) {
      expect(await opened.identity.authenticate({ authorization, cookie: cookieToken })).toBeNull();
    }
  });

  it("bites at once when a login is ended, a principal disabled or a cookie expired", async () => {
    const first = await logIn();
    await opened.identity.logout({ cookie: first.cookieToken });
    expect(await byCookie(first.cookieToken)).toBeNull();
    const second = await logIn();
    opened.clock.advance(COOKIE_TTL_MS - 1);
    expect(await byCookie(second.cookieToken)).not.toBeNull();
    opened.clock.advance(1);
    expect(await byCookie(second.cookieToken)).toBeNull();
    const api = await tokenOnDisk();
    await opened.run("UPDATE principals SET disabled_at = created_at WHERE kind = 'service'");
    expect(await byBearer(api)).toBeNull();
  });

  it("NOD-2 counts only active memberships, read at every request", async () => {
    for (const state of ["pending", "suspended", "revoked"]) {
      const { caller } = await logIn(await addPrincipal("human", "viewer", state));
      expect(caller.roles.size).toBe(0);
      expect(() => opened.identity.me(caller)).toThrow(expect.objectContaining({ code: "permission_denied" }));
    }
    const { cookieToken } = await logIn(await addPrincipal("human", "collaborator"));
    expect([...((await byCookie(cookieToken))?.roles.values() ?? [])]).toEqual(["collaborator"]);
    await opened.run("UPDATE session_memberships SET role = 'viewer' WHERE role = 'collaborator'");
    expect([...((await byCookie(cookieToken))?.roles.values() ?? [])]).toEqual(["viewer"]);
    await opened.run("UPDATE sessions SET state = 'closed'");
    expect((await byCookie(cookieToken))?.roles.size).toBe(0);
  });

  it("logs out twice without harm", async () => {
    const { cookieToken } = await logIn();
    await opened.identity.logout({ cookie: cookieToken });
    await opened.identity.logout({ cookie: cookieToken });
    await opened.identity.logout({ cookie: undefined });
    expect(await opened.query("SELECT 1 FROM audit_log WHERE action = 'logout'")).toHaveLength(1);
  });
});
