// Tokens as people handle them: what is listed, who may make and revoke which, and what is kept of it.
import { createHash } from "node:crypto";
import { TOKENS_MAX } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Caller } from "../ports.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { codeOf, openPeople, type People } from "../sessions/testing/people.ts";

const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;

let people: People;
beforeEach(async () => {
  people = await openPeople();
});
afterEach(async () => {
  await people.close();
});

const make = (caller: Caller, more: Partial<Parameters<People["tokens"]["create"]>[1]> = {}) =>
  people.tokens.create(caller, { label: "script", scope: "full", expiresInDays: 90, ...more });
const idOf = (secret: string) => createHash("sha256").update(secret).digest("hex").slice(0, 16);

onBothDatabases("a token of the API", () => {
  it("NOD-23 is told once, kept as a hash, and stands for who made it with the scope it was made with", async () => {
    const { caller } = await people.join("viewer");
    const { token, secret } = await make(caller, { scope: "read" });
    expect(token).toMatchObject({
      tokenId: idOf(secret),
      principalId: caller.principalId,
      kind: "api",
      scope: "read",
      label: "script",
      expiresAt: "2026-04-01T00:00:00.000Z",
      revokedAt: null,
      isCurrent: false,
    });
    expect(await people.as(secret)).toMatchObject({
      principalId: caller.principalId,
      scope: "read",
      roles: caller.roles,
    });
    expect(JSON.stringify(await people.dump())).not.toContain(secret);
  });

  it("made by the command line is that of the person it stands for", async () => {
    const { token } = await make(people.cli);
    expect(token.principalId).toBe(people.founder.principalId);
    const listed = await people.tokens.list(people.cli, { all: false });
    expect(listed.map(({ kind, isCurrent }) => [kind, isCurrent])).toEqual(
      expect.arrayContaining([
        ["api", true],
        ["api", false],
        ["browser", false],
      ]),
    );
  });

  it("does not outlive the one that it is made with, but for a browser's login", async () => {
    const { secret } = await make(people.founder, { expiresInDays: 2 });
    const caller = await people.as(secret);
    for (const expiresInDays of [90, null, 2])
      expect((await make(caller, { expiresInDays })).token.expiresAt).toBe("2026-01-03T00:00:00.000Z");
    expect((await make(caller, { expiresInDays: 1 })).token.expiresAt).toBe("2026-01-02T00:00:00.000Z");
    expect((await make(people.founder, { expiresInDays: null })).token.expiresAt).toBeNull();
  });

  it("NOD-23 that ends does not outlive itself by a login link, by the login of it, or by what that login makes", async () => {
    const { identity, clock } = people.opened;
    for (const days of [2, 60]) {
      const { secret, token: maker } = await make(people.founder, { expiresInDays: days });
      const end = maker.expiresAt;
      const link = async (madeWith: Caller) =>
        identity.redeemLoginToken(
          (await identity.createLoginToken({ spaceId: madeWith.spaceId, principalId: madeWith.principalId, madeWith }))
            .token,
        );
      const first = await link(await people.as(secret));
      const browser = await identity.authenticate({ authorization: undefined, cookie: first.cookieToken });
      if (browser === null) throw new Error("the login is no good");
      expect(first.maxAgeSeconds).toBe(Math.min(days, 30) * 24 * 60 * 60);
      expect((await make(browser, { expiresInDays: null })).token.expiresAt).toBe(end);
      const second = await link(browser);
      const again = await identity.authenticate({ authorization: undefined, cookie: second.cookieToken });
      if (again === null) throw new Error("the second login is no good");
      expect((await make(again, { expiresInDays: null })).token.expiresAt).toBe(end);
      const of = { authorization: undefined, cookie: second.cookieToken };
      clock.advance(Math.min(days, 30) * DAY_MS - 1);
      expect(await identity.authenticate(of)).not.toBeNull();
      clock.advance(1);
      expect(await identity.authenticate(of)).toBeNull();
    }
  });

  it("NOD-23 that ends within ten minutes makes a login link for no longer, and one that was revoked or has ended none", async () => {
    const { identity, clock } = people.opened;
    const { secret, token } = await make(people.founder, { expiresInDays: 1 });
    const madeWith = await people.as(secret);
    const link = (maker: Caller) =>
      identity.createLoginToken({ spaceId: maker.spaceId, principalId: maker.principalId, madeWith: maker });
    clock.advance(DAY_MS - 60_000);
    const made = await link(madeWith);
    expect(made.expiresAt).toBe(token.expiresAt);
    clock.advance(60_000);
    expect(await codeOf(identity.redeemLoginToken(made.token))).toBe("login_link_invalid");
    expect(await codeOf(link(madeWith))).toBe("unauthenticated");
    const { secret: another } = await make(people.founder);
    const revoked = await people.as(another);
    await people.tokens.revoke(people.founder, { tokenId: revoked.tokenId });
    const before = await people.dump();
    expect(await codeOf(link(revoked))).toBe("unauthenticated");
    expect(await people.dump()).toEqual(before);
  });

  it("NOD-23 that ends tells no other end to whoever changes the secret", async () => {
    const { identity } = people.opened;
    const { secret } = await make(people.founder, { expiresInDays: 2 });
    const madeWith = await people.as(secret);
    const { spaceId, principalId } = madeWith;
    const { token } = await identity.createLoginToken({ spaceId, principalId, madeWith });
    for (const changed of [token.slice(0, 43), `${token}z`])
      expect(await codeOf(identity.redeemLoginToken(changed))).toBe("login_link_invalid");
    expect(await codeOf(identity.redeemLoginToken(token))).toBe("no error");
  });

  it("is not made with one that was revoked or has expired since the request began", async () => {
    const { secret } = await make(people.founder, { expiresInDays: 1 });
    const caller = await people.as(secret);
    people.opened.clock.advance(DAY_MS);
    expect(await codeOf(make(caller))).toBe("unauthenticated");
    const { secret: another } = await make(people.founder);
    const revoked = await people.as(another);
    await people.tokens.revoke(people.founder, { tokenId: revoked.tokenId });
    const before = await people.dump();
    expect(await codeOf(make(revoked))).toBe("unauthenticated");
    expect(await people.dump()).toEqual(before);
  });

  it(`are ${TOKENS_MAX} good ones at most, also when many are made at once`, async () => {
    const { caller } = await people.join("viewer");
    const codes = await Promise.all(Array.from({ length: TOKENS_MAX + 10 }, () => codeOf(make(caller))));
    expect(codes.filter((code) => code === "no error")).toHaveLength(TOKENS_MAX - 1);
    expect(new Set(codes)).toEqual(new Set(["no error", "resource.limit_exceeded"]));
    const good = await people.tokens.list(caller, { all: false });
    expect(good.filter((token) => token.revokedAt === null)).toHaveLength(TOKENS_MAX);
    await expect(make(caller)).rejects.toMatchObject({
      details: { resource: "tokens", limit: TOKENS_MAX, current: TOKENS_MAX },
    });
    // A revoked one makes room.
    await people.tokens.revoke(caller, { tokenId: good.find(({ isCurrent }) => !isCurrent)?.tokenId ?? "" });
    expect(await codeOf(make(caller))).toBe("no error");
  });
});

onBothDatabases("revoking a token", () => {
  it("bites at the next request, and again is no error", async () => {
    const { token, secret } = await make(people.founder);
    const first = await people.tokens.revoke(people.founder, { tokenId: token.tokenId });
    expect(first.revokedAt).toBe("2026-01-01T00:00:00.000Z");
    await expect(people.as(secret)).rejects.toThrow("no good");
    people.opened.clock.advance(1_000);
    const before = await people.dump();
    expect(await people.tokens.revoke(people.founder, { tokenId: token.tokenId })).toEqual(first);
    expect(await people.dump()).toEqual(before);
  });

  it("at once by two leaves one record", async () => {
    const { token } = await make(people.founder);
    await Promise.all([1, 2, 3, 4].map(() => people.tokens.revoke(people.founder, { tokenId: token.tokenId })));
    const acts = await people.audit.list(people.founder, { limit: 50 });
    expect(acts.filter((entry) => entry.action === "token.revoked")).toHaveLength(1);
  });

  it("of another is answered as for one that never was, unless one owns the default session", async () => {
    const [{ caller: one }, { caller: other }] = [
      await people.join("runtime_contributor"),
      await people.join("viewer"),
    ];
    const { token, secret } = await make(other);
    const before = await people.dump();
    const refusals = await Promise.all(
      [token.tokenId, "0123456789abcdef", token.tokenId.slice(0, 8), people.cli.tokenId].map((tokenId) =>
        people.tokens.revoke(one, { tokenId }).catch((error: { toBody(): object }) => JSON.stringify(error.toBody())),
      ),
    );
    expect(new Set(refusals).size).toBe(1);
    expect(refusals[0]).toContain("token_not_found");
    expect(await people.dump()).toEqual(before);
    expect(await people.as(secret)).not.toBeNull();
    expect((await people.tokens.revoke(people.founder, { tokenId: token.tokenId })).revokedAt).not.toBeNull();
  });

  it("of an owner of some other session's does not reach further than one's own", async () => {
    const { caller } = await people.join("collaborator");
    const session = await people.sessions.create(caller, { title: "Mine" });
    const owner = { ...caller, roles: new Map([...caller.roles, [session.sessionId, "owner" as const]]) };
    expect(await codeOf(people.tokens.revoke(owner, { tokenId: people.cli.tokenId }))).toBe("token_not_found");
    expect(await codeOf(people.tokens.list(owner, { all: true }))).toBe("permission_denied");
  });
});

onBothDatabases("a list of tokens", () => {
  it("shows one's own, and to an owner of the space everyone's, never a secret and no login links", async () => {
    const { caller, token } = await people.join("viewer");
    const { spaceId, principalId } = people.founder;
    await people.opened.identity.createLoginToken({ spaceId, principalId });
    const own = await people.tokens.list(caller, { all: false });
    expect(own).toMatchObject([{ tokenId: idOf(token), isCurrent: true, label: "joined by an invite", scope: "full" }]);
    const all = await people.tokens.list(people.founder, { all: true });
    expect(all.map(({ principalId: whose }) => whose)).toEqual(
      expect.arrayContaining([caller.principalId, people.cli.principalId, principalId]),
    );
    expect(new Set(all.map(({ label }) => label))).toEqual(new Set(["joined by an invite", "browser login", "cli"]));
  });

  it("tells to the hour when each was used, and a request never waits for that", async () => {
    const { secret } = await make(people.founder);
    const used = async () =>
      (await people.tokens.list(people.founder, { all: false })).find(({ tokenId }) => tokenId === idOf(secret))
        ?.lastUsedAt;
    expect(await used()).toBeNull();
    await people.as(secret);
    await until("the use is written down", async () => (await used()) === "2026-01-01T00:00:00.000Z");
    people.opened.clock.advance(HOUR_MS - 1);
    await people.as(secret);
    people.opened.clock.advance(1);
    await people.as(secret);
    await until("the use is written down", async () => (await used()) === "2026-01-01T01:00:00.000Z");
  });
});

onBothDatabases("the audit log", () => {
  it("tells acts newest first, in pages, with who did them and no secret", async () => {
    // Ids of one millisecond are in no order where several programs make them.
    people.opened.clock.advance(1);
    const { caller, token } = await people.join("collaborator");
    const { secret } = await make(caller, { label: "ci" });
    const entries = await people.audit.list(people.founder, { limit: 100 });
    expect(entries.map(({ action }) => action)).toEqual([
      "token.created",
      "invite.redeemed",
      "invite.created",
      "login-link.redeemed",
      "login-link.created",
      "space.created",
    ]);
    expect(entries[0]).toMatchObject({
      actorId: caller.principalId,
      actorName: "Somebody",
      subject: idOf(secret),
      details: { label: "ci", scope: "full" },
    });
    for (const hidden of [token, secret]) expect(JSON.stringify(entries)).not.toContain(hidden);
    const paged = [];
    for (let before: string | undefined; ; ) {
      const page = await people.audit.list(people.founder, { limit: 2, ...(before && { before }) });
      if (page.length === 0) break;
      paged.push(...page);
      before = page.at(-1)?.auditId;
    }
    expect(paged).toEqual(entries);
  });
});
