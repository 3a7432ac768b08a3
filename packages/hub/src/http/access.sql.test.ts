// Every procedure of the contract, called by everyone who might: no credentials, each kind of principal, each role.
import type { Access, PrincipalKind, Role } from "@muster/contracts";
import { contract } from "@muster/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { routesOf } from "./routes.ts";
import { type Served, serve } from "./testing/served.ts";

let served: Served;
beforeAll(async () => {
  served = await serve();
});
afterAll(async () => {
  await served.close();
});

const routes = routesOf(contract);
const KINDS: readonly PrincipalKind[] = ["human", "agent", "node", "service"];
const ROLES: readonly (Role | null)[] = ["owner", "collaborator", "viewer", "runtime_contributor", null];

const defaultSession = async (): Promise<string> => {
  const [space] = await served.opened.query("SELECT default_session_id FROM spaces");
  return String(space?.["default_session_id"]);
};

/** What the middleware decides shows in the status: input is looked at only by those who are let in. */
const call = async (route: (typeof routes)[number], headers: Readonly<Record<string, string>>) => {
  const abort = new AbortController();
  const path = route.path.replace("{sessionId}", await defaultSession()).replace(/\{[^}]+\}/g, "some-id");
  const response = await served.fetch(`/api/v1${path}`, {
    method: route.method,
    headers: { ...headers, ...(route.method === "GET" ? {} : { "content-type": "application/json" }) },
    ...(route.method === "GET" ? {} : { body: '{"nonsense":true}' }),
    signal: abort.signal,
  });
  const code = response.ok ? "ok" : ((await response.json()) as { code: string }).code;
  abort.abort();
  return code;
};

const KINDS_OF = (access: Access): readonly PrincipalKind[] =>
  access.principals === "public" ? [] : access.principals;
const isAllowed = (access: Access, kind: PrincipalKind, role: Role | null): boolean =>
  access.principals === "public" || (access.principals.includes(kind) && role !== null && access.roles.includes(role));

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
      ]) {
        const code = await call(route, headers);
        if (isPublic) expect(code).not.toBe("unauthenticated");
        else expect(code).toBe("unauthenticated");
      }
    },
  );

  it("only health and the redemptions of login links and invites are public", () => {
    const open = routes.filter((route) => route.access.principals === "public").map((route) => route.name);
    expect(open.sort()).toEqual(["auth.redeem", "health", "invites.redeem"]);
  });
});

describe("NOD-2 by kind and role", () => {
  it.each(KINDS.flatMap((kind) => ROLES.map((role) => [kind, role] as const)))(
    "a %s with the role %s gets where the contract lets it, and nowhere else",
    async (kind, role) => {
      const headers = await served.browser(await served.addPrincipal(kind, role));
      for (const route of routes) {
        // It would end the login that the rest of the walk needs.
        if (["auth.logout", "sessions.leave"].includes(route.name) && isAllowed(route.access, kind, role)) continue;
        const code = await call(route, headers);
        const where = `${route.name} for ${kind} ${role}`;
        if (isAllowed(route.access, kind, role)) expect(code, where).not.toBe("permission_denied");
        else {
          const isStranger =
            role === null && KINDS_OF(route.access).includes(kind) && route.path.includes("{sessionId}");
          expect(code, where).toBe(isStranger ? "session_not_found" : "permission_denied");
        }
        expect(code, where).not.toBe("unauthenticated");
      }
    },
  );

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
