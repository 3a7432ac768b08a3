import { afterEach, beforeEach, expect, it } from "vitest";
import { onBothDatabases } from "../schema/test-databases.ts";
import { type Served, serve } from "./testing/served.ts";

let served: Served;
beforeEach(async () => {
  served = await serve();
});
afterEach(async () => {
  await served.close();
});

const redeem = (token: string, headers: Readonly<Record<string, string>> = {}) =>
  served.fetch("/api/v1/auth/redeem", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ token }),
  });

const makeLink = async () => {
  const response = await served.api("/auth/login-links", {});
  expect(response.status).toBe(200);
  return (await response.json()) as { loginUrl: string; expiresAt: string };
};

const tokenOf = ({ loginUrl }: { readonly loginUrl: string }) => loginUrl.split("#token=")[1] ?? "";
const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;

onBothDatabases("logging in", () => {
  it("EXP-1 goes from a link, its token in the fragment, to a cookie named by the port", async () => {
    const link = await makeLink();
    const url = new URL(link.loginUrl);
    expect(url.origin).toBe(served.listening.url);
    expect(url.search).toBe("");
    expect(url.pathname).toBe("/login");
    const redeemed = await redeem(tokenOf(link), { origin: url.origin });
    expect(redeemed.status).toBe(200);
    const me = await redeemed.json();
    expect(me).toMatchObject({ principalId: served.opened.identity.ownerId, principalKind: "human", role: "owner" });
    const cookie = redeemed.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(
      new RegExp(`^muster_${served.listening.port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/; Max-Age=`),
    );
    expect(cookie).toContain(`Max-Age=${30 * 24 * 60 * 60}`);
    const again = await served.fetch("/api/v1/auth/me", { headers: { cookie: cookie.split(";")[0] ?? "" } });
    expect(await again.json()).toEqual(me);
  });

  it("works once when twenty redeem the same link at once", async () => {
    const token = tokenOf(await makeLink());
    const responses = await Promise.all(Array.from({ length: 20 }, () => redeem(token)));
    expect(responses.filter((response) => response.status === 200)).toHaveLength(1);
    expect(responses.filter((response) => response.headers.has("set-cookie"))).toHaveLength(1);
    for (const response of responses.filter(({ status }) => status !== 200)) {
      expect(["login_link_invalid", "rate_limited"]).toContain(await codeOf(response));
    }
  });

  it("EXP-11 slows down whoever guesses: five failures a minute", async () => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const response = await redeem("A".repeat(43));
      expect(response.status).toBe(401);
      expect(await codeOf(response)).toBe("login_link_invalid");
    }
    const sixth = await redeem("A".repeat(43));
    expect(sixth.status).toBe(429);
    expect(Number(sixth.headers.get("retry-after"))).toBe(60);
    expect(await codeOf(sixth)).toBe("rate_limited");
    served.opened.clock.advance(60_000);
    const link = await makeLink();
    expect((await redeem(tokenOf(link))).status).toBe(200);
  });

  it("ends the login that the browser had before", async () => {
    const before = await served.browser();
    expect((await redeem(tokenOf(await makeLink()), before)).status).toBe(200);
    const me = await served.fetch("/api/v1/auth/me", { headers: before });
    expect(me.status).toBe(401);
  });

  it("reads no large body from someone who is not logged in", async () => {
    const response = await redeem("x".repeat(5_000));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: "payload_too_large", details: { maxBytes: 4_096 } });
  });
});

onBothDatabases("login links", () => {
  it("are made for the one who asks; for the command line, they are the owner's", async () => {
    const colleague = await served.addPrincipal("human", "owner");
    const headers = await served.browser(colleague);
    const response = await served.fetch("/api/v1/auth/login-links", { method: "POST", headers });
    const redeemed = await redeem(tokenOf((await response.json()) as { loginUrl: string }));
    expect(await redeemed.json()).toMatchObject({ principalId: colleague });
    const byCli = await redeem(tokenOf(await makeLink()));
    expect(await byCli.json()).toMatchObject({ principalId: served.opened.identity.ownerId });
  });

  it("are not made for who owns another session than the default one", async () => {
    const { spaceId } = served.opened.identity;
    const id = await served.addPrincipal("human", null);
    const at = "2026-01-01T00:00:00.000Z";
    await served.opened.run("INSERT INTO sessions VALUES (?, 'side', 'Side', 'active', NULL, ?, ?)", spaceId, at, at);
    await served.opened.run(
      "INSERT INTO session_memberships VALUES (?, 'side', ?, 'owner', 'active', ?, ?)",
      spaceId,
      id,
      at,
      at,
    );
    const headers = await served.browser(id);
    const response = await served.fetch("/api/v1/auth/login-links", { method: "POST", headers });
    expect(response.status).toBe(403);
  });
});

onBothDatabases("logging out", () => {
  it("ends the cookie at once, in the browser and in the store", async () => {
    const headers = await served.browser();
    expect((await served.fetch("/api/v1/auth/me", { headers })).status).toBe(200);
    const response = await served.fetch("/api/v1/auth/logout", { method: "POST", headers });
    expect(await response.json()).toEqual({ loggedOut: true });
    expect(response.headers.get("set-cookie")).toMatch(/=; .*Max-Age=0/);
    const after = await served.fetch("/api/v1/auth/me", { headers });
    expect(after.status).toBe(401);
    expect(after.headers.get("www-authenticate")).toBe('Bearer realm="muster"');
  });
});

it("EXP-11 writes no secret into the log", async () => {
  const token = tokenOf(await makeLink());
  const redeemed = await redeem(token);
  const cookie = redeemed.headers.get("set-cookie")?.split(";")[0]?.split("=")[1] ?? "";
  await served.fetch(`/api/v1/auth/me?token=${token}`, {
    headers: { cookie: `muster_${served.listening.port}=${cookie}` },
  });
  await served.fetch("/api/v1/auth/me", { headers: served.bearer });
  const log = JSON.stringify(served.lines);
  expect(served.lines.length).toBeGreaterThan(3);
  for (const secret of [token, cookie, served.bearer.authorization.slice(7)]) {
    expect(secret).toHaveLength(43);
    expect(log).not.toContain(secret.slice(0, 9));
  }
});

it("marks the cookie as secure and links to the public address behind a proxy with TLS", async () => {
  await served.close();
  served = await serve({ publicUrl: "https://muster.example.org/" });
  const link = await makeLink();
  expect(link.loginUrl).toMatch(/^https:\/\/muster\.example\.org\/login#token=/);
  const body = JSON.stringify({ token: tokenOf(link) });
  const connection = served.raw(
    `POST /api/v1/auth/redeem HTTP/1.1\r\nHost: muster.example.org\r\nOrigin: https://muster.example.org\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const answer = await connection.closed;
  expect(answer).toMatch(/^HTTP\/1\.1 200/);
  expect(answer).toMatch(/set-cookie: [^\r]*; Secure/i);
});
