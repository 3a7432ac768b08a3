// Joining over HTTP: what anyone may send to the one door that is open to strangers, how often, and what comes of it.
import { REDEMPTIONS_PER_MINUTE_MAX } from "@muster/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { onBothDatabases } from "../schema/test-databases.ts";
import { machine } from "../sessions/testing/people.ts";
import { type Served, serve } from "./testing/served.ts";

let served: Served;
let here: string;
beforeEach(async () => {
  served = await serve();
  const [space] = await served.opened.query("SELECT default_session_id FROM spaces");
  here = String(space?.["default_session_id"]);
});
afterEach(async () => {
  await served.close();
});

const JSON_TYPE = { "content-type": "application/json" };

const post = (body: string, headers: Readonly<Record<string, string>> = {}) =>
  served.fetch("/api/v1/invites/redeem", { method: "POST", headers: { ...JSON_TYPE, ...headers }, body });
const redeem = (body: object, headers: Readonly<Record<string, string>> = {}) => post(JSON.stringify(body), headers);
const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;
const another = () => served.opened.clock.advance(60_000);

const invite = async (role = "runtime_contributor"): Promise<string> => {
  const response = await served.api(`/sessions/${here}/invites`, { role });
  const { joinUrl } = (await response.json()) as { joinUrl: string };
  const url = new URL(joinUrl);
  expect([url.origin, url.pathname, url.search]).toEqual([served.listening.url, "/join", ""]);
  return url.hash.replace("#token=", "");
};

const dump = async () => {
  const tables = [
    "principals",
    "session_memberships",
    "session_invites",
    "nodes",
    "runtime_node_attachments",
    "audit_log",
  ];
  return Promise.all(tables.map((table) => served.opened.query(`SELECT * FROM ${table} ORDER BY 1, 2, 3`)));
};

onBothDatabases("a link", () => {
  it("NOD-3 lets a machine in by one request without a login, and its token works at once", async () => {
    const token = await invite();
    const response = await redeem({ token, displayName: "Ada", node: machine("laptop").joining(token) });
    expect(response.status).toBe(200);
    const joined = (await response.json()) as { token: string; principalId: string };
    expect(joined).toMatchObject({ sessionId: here, role: "runtime_contributor", sessionTitle: "Default session" });
    const me = await served.fetch("/api/v1/auth/me", { headers: { authorization: `Bearer ${joined.token}` } });
    expect(await me.json()).toMatchObject({ principalId: joined.principalId, displayName: "Ada" });
    const listed = await served.api(`/sessions/${here}/members`);
    expect(JSON.stringify(await listed.json())).toContain("laptop");
  });

  it("opened in a browser becomes a login that no script sees, and ends the one that was there", async () => {
    const before = await served.browser();
    const token = await invite("viewer");
    const response = await redeem({ token, displayName: "Ada", browser: true }, before);
    const joined = (await response.json()) as { token: null; principalId: string };
    expect(joined.token).toBeNull();
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict; Path=\/; Max-Age=2592000$/);
    const me = (headers: Readonly<Record<string, string>>) => served.fetch("/api/v1/auth/me", { headers });
    expect(await (await me({ cookie: cookie.split(";")[0] ?? "" })).json()).toMatchObject({
      principalId: joined.principalId,
      role: "viewer",
    });
    expect((await me(before)).status).toBe(401);
  });
});

onBothDatabases("what is no invite", () => {
  it("NOD-3 is refused as malformed, whatever is wrong with it, and changes nothing", async () => {
    const token = await invite();
    const good = { token, displayName: "Ada" };
    const node = machine("laptop").joining(token);
    const bodies: readonly object[] = [
      { ...good, token: "" },
      { ...good, token: token.slice(1) },
      { ...good, token: `${token}A` },
      { ...good, token: `${token.slice(1)} ` },
      { ...good, token: `${token.slice(1)}\0` },
      { ...good, token: `${token.slice(1)}=` },
      { ...good, token: [token] },
      { displayName: "Ada" },
      { ...good, displayName: " " },
      { ...good, displayName: "a".repeat(101) },
      { ...good, displayName: "a\0b" },
      { ...good, role: "owner" },
      { ...good, sessionId: here },
      { ...good, browser: true, node },
      { ...good, node: { ...node, nodeId: "n".repeat(257) } },
      { ...good, node: { ...node, nodeId: "n\0" } },
      { ...good, node: { ...node, nodeId: " " } },
      { ...good, node: { ...node, publicKey: "AAAA" } },
      { ...good, node: { ...node, signature: "AAAA" } },
      { ...good, node: { ...node, epoch: 7 } },
      { ...good, node: { ...node, participantId: "someone" } },
      { ...good, node: { ...node, capabilities: { hostname: "x".repeat(40 * 1_024) } } },
      {
        ...good,
        node: { ...node, capabilities: Object.fromEntries(Array.from({ length: 65 }, (_, key) => [`k${key}`, 1])) },
      },
    ];
    const before = await dump();
    for (const body of bodies) {
      another();
      const response = await redeem(body);
      expect([response.status, await codeOf(response)], JSON.stringify(body).slice(0, 200)).toEqual([
        400,
        "validation_failed",
      ]);
    }
    another();
    expect(await codeOf(await post("{"))).toBe("malformed_request");
    expect(
      await codeOf(await redeem({ ...good, node: { ...node, capabilities: { hostname: "x".repeat(60_000) } } })),
    ).toBe("payload_too_large");
    expect(await dump()).toEqual(before);
    const large = { hostname: "box", note: "x".repeat(31 * 1_024) };
    expect((await redeem({ ...good, node: { ...node, capabilities: large } })).status).toBe(200);
  });

  it(`NOD-20 may be tried ${REDEMPTIONS_PER_MINUTE_MAX} times in a minute from one address, good ones counted too`, async () => {
    const tokens = [await invite(), await invite()];
    const [first = "", second = ""] = tokens;
    const tries = [
      await post("{"),
      await redeem({ token: "short", displayName: "Ada" }),
      await redeem({ token: "A".repeat(43), displayName: "Ada" }),
      await redeem({ token: first, displayName: "Ada" }),
      await redeem({ token: first, displayName: "Ada" }),
    ];
    expect(await Promise.all(tries.map(async (one) => (one.ok ? "ok" : codeOf(one))))).toEqual([
      "malformed_request",
      "validation_failed",
      "invite_invalid",
      "ok",
      "invite_used",
    ]);
    const before = await dump();
    served.opened.clock.advance(20_000);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const refused = await redeem({ token: second, displayName: "Ada" });
      expect([refused.status, refused.headers.get("retry-after"), await codeOf(refused)]).toEqual([
        429,
        "40",
        "rate_limited",
      ]);
    }
    expect(await dump()).toEqual(before);
    served.opened.clock.advance(40_000);
    expect((await redeem({ token: second, displayName: "Ada" })).status).toBe(200);
  });
});

onBothDatabases("requests without end", () => {
  it("NOD-20 of one principal are held back, another's and good heartbeats are not", async () => {
    await served.close();
    served = await serve({ limits: { requestsPerSecondMax: 1, requestsBurstMax: 5 } });
    const mine = await served.browser(await served.addPrincipal("human", "owner"));
    const ask = (headers: Readonly<Record<string, string>>) => served.fetch("/api/v1/nodes", { headers });
    const statuses = [];
    for (let count = 0; count < 6; count += 1) statuses.push((await ask(mine)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    const refused = await ask(mine);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await codeOf(refused)).toBe("rate_limited");
    const beat = () =>
      served.fetch("/api/v1/runtime-nodes/heartbeat", {
        method: "POST",
        headers: { ...mine, ...JSON_TYPE },
        body: "{}",
      });
    const beats = [];
    for (let count = 0; count < 6; count += 1) beats.push((await beat()).status);
    // They come through without a request left; those that are refused have a bucket of their own.
    expect(beats).toEqual([400, 400, 400, 400, 400, 429]);
    expect((await ask(await served.browser(await served.addPrincipal("human", "viewer")))).status).toBe(200);
    served.opened.clock.advance(1_000);
    expect((await ask(mine)).status).toBe(200);
  });
});
