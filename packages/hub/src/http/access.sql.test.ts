// Every procedure of the contract, called over HTTP by everyone who might: no credentials, each kind of principal in each
// role, with a role elsewhere, with tokens of each scope. What is allowed is said by PROCEDURE_ACCESS alone.
import {
  type Access,
  contract,
  PROCEDURE_ACCESS,
  type PrincipalId,
  type PrincipalKind,
  type Role,
  type TokenScope,
} from "@muster/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createToken, hashToken } from "../identity/index.ts";
import { random, START } from "../identity/testing/opened.ts";
import { routesOf } from "./routes.ts";
import { type Served, serve } from "./testing/served.ts";

const AT = new Date(START).toISOString();

let served: Served;
let here: string;
const ELSEWHERE = "another-session";
beforeAll(async () => {
  served = await serve();
  const { spaceId, ownerId } = served.opened.identity;
  const [space] = await served.opened.query("SELECT default_session_id FROM spaces");
  here = String(space?.["default_session_id"]);
  await served.opened.run(
    "INSERT INTO sessions VALUES (?, ?, 'Another', 'active', NULL, ?, ?)",
    spaceId,
    ELSEWHERE,
    AT,
    AT,
  );
  await enter(ownerId, ELSEWHERE, "owner");
});
afterAll(async () => {
  await served.close();
});

const routes = routesOf(contract);
type Route = (typeof routes)[number];
const KINDS: readonly PrincipalKind[] = ["human", "agent", "node", "service"];
const ROLES: readonly (Role | null)[] = ["owner", "collaborator", "viewer", "runtime_contributor", null];
const SCOPES: readonly TokenScope[] = ["read", "write", "full"];

type Headers = Readonly<Record<string, string>>;

const enter = (principalId: PrincipalId, sessionId: string, role: Role): Promise<void> =>
  served.opened.run(
    "INSERT INTO session_memberships SELECT space_id, ?, ?, ?, 'active', ?, ? FROM spaces",
    sessionId,
    principalId,
    role,
    AT,
    AT,
  );

const bearerOf = async (principalId: PrincipalId, scope: TokenScope): Promise<Headers> => {
  const token = createToken(random);
  await served.opened.run(
    "INSERT INTO tokens SELECT ?, space_id, ?, ?, 'test', ?, NULL, NULL, NULL FROM spaces",
    hashToken(token),
    principalId,
    JSON.stringify([scope === "full" ? "api" : `api:${scope}`]),
    AT,
  );
  return { authorization: `Bearer ${token}` };
};

/** In the session of the walk unless another is named; nonsense in it is looked at only for who is let in. */
const send = (route: Route, headers: Headers, sessionId = here): Promise<Response> => {
  const path = route.path.replace("{sessionId}", sessionId).replace(/\{[^}]+\}/g, "some-id");
  const isRead = route.method === "GET";
  const query = isRead && route.access.place === "session" && path === route.path ? `?sessionId=${sessionId}` : "";
  return served.fetch(`/api/v1${path}${query}`, {
    method: route.method,
    headers: { ...headers, ...(isRead ? {} : { "content-type": "application/json" }) },
    ...(isRead ? {} : { body: JSON.stringify({ sessionId, nonsense: true }) }),
  });
};

const REFUSALS: ReadonlySet<string> = new Set(["unauthenticated", "permission_denied", "session_not_found"]);

/** The refusal, or `allowed` for whatever came after it. */
const outcome = async (route: Route, headers: Headers, sessionId = here): Promise<string> => {
  const response = await send(route, headers, sessionId);
  if (response.ok) {
    await response.body?.cancel();
    return "allowed";
  }
  const { code } = (await response.json()) as { code: string };
  return REFUSALS.has(code) ? code : "allowed";
};

interface Who {
  readonly kind: PrincipalKind;
  readonly role: Role | null;
  readonly elsewhere?: Role;
  readonly scope?: TokenScope;
}

/** As the table says it, role by role. */
const expected = (access: Access, { kind, role, elsewhere, scope = "full" }: Who): string => {
  if (access.principals === "public") return "allowed";
  const isKind = access.principals.includes(kind) && SCOPES.indexOf(scope) >= SCOPES.indexOf(access.scope);
  if (!isKind) return "permission_denied";
  if (access.roles === "none needed") return "allowed";
  if (access.place === "session" && role === null) return "session_not_found";
  const counting = access.place === "any" ? [role, elsewhere] : [role];
  const { roles } = access;
  return roles.some((allowed) => counting.includes(allowed)) ? "allowed" : "permission_denied";
};

/** What each procedure answers, and what the table says. */
const walk = async (who: Who, headers: Headers): Promise<void> => {
  const answers: Record<string, string> = {};
  const wanted: Record<string, string> = {};
  // It ends the login that the rest of the walk needs.
  const isLast = ({ name }: Route): boolean => name === "auth.logout";
  for (const route of [...routes.filter((one) => !isLast(one)), ...routes.filter(isLast)]) {
    wanted[route.name] = expected(PROCEDURE_ACCESS[route.name as keyof typeof PROCEDURE_ACCESS], who);
    answers[route.name] = await outcome(route, headers);
  }
  expect(answers).toEqual(wanted);
};

const someone = async ({ kind, role, elsewhere }: Who): Promise<PrincipalId> => {
  const id = await served.addPrincipal(kind, role);
  if (elsewhere !== undefined) await enter(id, ELSEWHERE, elsewhere);
  return id;
};

describe("the table", () => {
  it("NOD-2 has a row for each procedure of the contract, and none for another", () => {
    expect(Object.keys(PROCEDURE_ACCESS).sort()).toEqual(routes.map((route) => route.name).sort());
    for (const route of routes)
      expect(route.access).toBe(PROCEDURE_ACCESS[route.name as keyof typeof PROCEDURE_ACCESS]);
  });

  it("asks for a role in the session wherever the input names one", () => {
    for (const { name, path, access } of routes)
      if (path.includes("{sessionId}")) expect(access.place, name).toBe("session");
  });
});

describe("EXP-11 without credentials", () => {
  it.each(routes.map((route) => [route.name, route] as const))(
    "%s answers only if it is public",
    async (_name, route) => {
      const isPublic = route.access.principals === "public";
      for (const headers of [
        {},
        { authorization: "Bearer" },
        { authorization: `Bearer ${"x".repeat(43)}` },
        { authorization: "Basic b3duZXI6b3duZXI=" },
        { cookie: `muster_${served.listening.port}=${"x".repeat(43)}`, origin: served.listening.url },
      ] as const)
        expect(await outcome(route, { ...headers } as Headers)).toBe(isPublic ? "allowed" : "unauthenticated");
    },
  );

  it("only health and the redemptions of login links and invites are public", () => {
    const open = routes.filter((route) => route.access.principals === "public").map((route) => route.name);
    expect(open.sort()).toEqual(["auth.redeem", "health", "invites.redeem"]);
  });
});

describe("without a role", () => {
  it("one may log out, and nothing else that needs a login", () => {
    const free = routes.filter((route) => route.access.roles === "none needed").map((route) => route.name);
    expect(free).toEqual(["auth.logout"]);
  });

  it.each(["suspended", "revoked"])("whoever's only membership is %s logs out, and is logged out", async (state) => {
    const id = await someone({ kind: "human", role: "viewer" });
    await served.opened.run("UPDATE session_memberships SET state = ? WHERE participant_id = ?", state, id);
    const headers = await served.browser(id);
    const ask = async (path: string, method: string) =>
      (await served.fetch(`/api/v1/auth/${path}`, { method, headers })).status;
    expect(await ask("me", "GET")).toBe(403);
    expect(await ask("logout", "POST")).toBe(200);
    expect(await ask("me", "GET")).toBe(401);
    expect(await ask("logout", "POST")).toBe(401);
  });
});

describe("NOD-2 by kind and role", () => {
  it.each(KINDS.flatMap((kind) => ROLES.map((role) => [kind, role] as const)))(
    "a %s with the role %s gets where the contract lets it, and nowhere else",
    async (kind, role) => {
      await walk({ kind, role }, await served.browser(await someone({ kind, role })));
    },
  );

  it.each(ROLES.map((role) => [role]))(
    "with the role %s here, owning another session opens nothing here",
    async (role) => {
      const who = { kind: "human", role, elsewhere: "owner" } as const;
      await walk(who, await served.browser(await someone(who)));
    },
  );

  it.each(SCOPES.flatMap((scope) => ROLES.map((role) => [scope, role] as const)))(
    "a token to %s as %s is good for what its scope and its role both allow",
    async (scope, role) => {
      const who = { kind: "human", role, scope } as const;
      await walk(who, await bearerOf(await someone(who), scope));
    },
  );

  it("a token with too little scope is told which one it takes", async () => {
    const headers = await bearerOf(await someone({ kind: "human", role: "owner" }), "read");
    const response = await served.fetch("/api/v1/tokens", { headers });
    expect(await response.json()).toMatchObject({
      code: "permission_denied",
      message: expect.stringContaining('"full"'),
      details: { scope: "full" },
    });
  });

  it("a demotion bites at the next request", async () => {
    const id = await served.addPrincipal("human", "collaborator");
    const headers = { ...(await served.browser(id)), "content-type": "application/json" };
    const post = () =>
      served
        .fetch("/api/v1/orchestration/commands", { method: "POST", headers, body: "{}" })
        .then((response) => response.status);
    expect(await post()).toBe(400);
    await served.opened.run("UPDATE session_memberships SET role = 'viewer' WHERE participant_id = ?", id);
    expect(await post()).toBe(403);
  });
});

describe("NOD-2 a session that is not the caller's", () => {
  const ofSession = routes.filter((route) => route.access.place === "session");

  it.each(ofSession.map((route) => [route.name, route] as const))(
    "%s answers byte for byte as for one that never was",
    async (_name, route) => {
      const who = { kind: "human", role: "owner" } as const;
      const headers = await served.browser(await someone(who));
      const answers = [];
      for (const sessionId of [ELSEWHERE, "no-such-session"]) {
        const response = await send(route, headers, sessionId);
        answers.push({ status: response.status, text: await response.text() });
      }
      expect(answers[0]).toEqual(answers[1]);
      expect(answers[0]?.text).toContain("session_not_found");
      expect(answers[0]?.text).not.toContain("session-");
    },
  );

  it("is not reached by naming one's own beside it", async () => {
    const mine = await someone({ kind: "human", role: null, elsewhere: "owner" });
    const headers = { ...(await served.browser(mine)), "content-type": "application/json" };
    const before = await served.opened.query("SELECT * FROM sessions ORDER BY session_id");
    const tries = [
      [`/sessions/${here}/floor`, { sessionId: ELSEWHERE, minClientVersion: "9.9" }],
      [`/sessions/${here}`, { sessionId: ELSEWHERE, title: "Taken" }],
      [`/sessions/${here}?sessionId=${ELSEWHERE}`, { title: "Taken" }],
    ] as const;
    for (const [path, body] of tries) {
      const response = await served.fetch(`/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      expect(await response.json(), path).toMatchObject({ code: "session_not_found" });
    }
    const listed = served.nodes.listed.length;
    const twice = await served.fetch(`/api/v1/runtime-nodes/roster?sessionId=${ELSEWHERE}&sessionId=${here}`, {
      headers,
    });
    expect(twice.status).toBe(400);
    expect(served.nodes.listed).toHaveLength(listed);
    expect(await served.opened.query("SELECT * FROM sessions ORDER BY session_id")).toEqual(before);
  });

  it("a closed one is gone for its owner too", async () => {
    const who = { kind: "human", role: null, elsewhere: "owner" } as const;
    const headers = await served.browser(await someone(who));
    await served.opened.run("UPDATE sessions SET state = 'closed' WHERE session_id = ?", ELSEWHERE);
    for (const route of ofSession)
      expect(await outcome(route, headers, ELSEWHERE), route.name).toBe("session_not_found");
    await served.opened.run("UPDATE sessions SET state = 'active' WHERE session_id = ?", ELSEWHERE);
  });
});
