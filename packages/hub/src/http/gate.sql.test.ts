import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deleteCommand } from "./testing/fakes.ts";
import { type Served, serve } from "./testing/served.ts";

let served: Served;
let upgrades: IncomingMessage[];
const onUpgrade = (request: IncomingMessage, socket: Duplex) => {
  upgrades.push(request);
  socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
};
beforeEach(async () => {
  upgrades = [];
  served = await serve({ onUpgrade, allowedHosts: ["muster.example.org"] });
});
afterEach(async () => {
  await served.close();
});

/** Sends a request with exactly these headers; answers status and all that came. */
const send = async (line: string, headers: readonly string[], body = "") => {
  const lines = [
    `${line} HTTP/1.1`,
    ...headers,
    "Connection: close",
    ...(body ? [`Content-Length: ${body.length}`] : []),
  ];
  const answer = await served.raw(`${lines.join("\r\n")}\r\n\r\n${body}`).closed;
  return { status: Number(answer.slice(9, 12)), answer };
};

const PATHS = [
  "/",
  "/healthz",
  "/readyz",
  "/openapi.json",
  "/assets/x.js",
  "/api/v1/health",
  "/api/v1/nodes",
  "/nowhere",
];

describe("the host name", () => {
  it.each(PATHS)("EXP-11 is checked before anything else, for %s", async (path) => {
    for (const host of ["evil.example", "localhost:1", "127.0.0.1.evil.example"]) {
      const { status, answer } = await send(`GET ${path}`, [`Host: ${host}`]);
      expect(status).toBe(403);
      expect(answer).toContain('"origin_not_allowed"');
    }
  });

  it.each(["localhost", "127.0.0.1", "[::1]", "muster.example.org"])(
    "may be %s, with the port and without",
    async (name) => {
      expect((await send("GET /healthz", [`Host: ${name}`])).status).toBe(200);
      expect((await send("GET /healthz", [`Host: ${name}:${served.listening.port}`])).status).toBe(200);
    },
  );

  it("may not be missing, empty or there twice", async () => {
    expect((await send("GET /healthz", ["Host:"])).status).toBe(403);
    const { status, answer } = await send("GET /healthz", []);
    expect(status).toBe(403);
    expect(answer).toContain('"origin_not_allowed"');
    expect((await send("GET /healthz", ["Host: localhost", "Host: evil.example"])).status).toBe(403);
    expect((await send("GET /healthz", ["Host: localhost", "Host: localhost"])).status).toBe(403);
    const old = served.raw("GET /healthz HTTP/1.0\r\n\r\n");
    expect(await old.closed).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe("the origin", () => {
  it.each(PATHS)("EXP-11 may not be a foreign page, whatever it asks for: %s", async (path) => {
    for (const origin of [
      "http://evil.example",
      "null",
      "http://localhost:3000",
      `https://localhost:${served.listening.port}`,
    ]) {
      const host = `Host: localhost:${served.listening.port}`;
      const { status, answer } = await send(`GET ${path}`, [
        host,
        `Origin: ${origin}`,
        `Authorization: ${served.bearer.authorization}`,
      ]);
      expect(status).toBe(403);
      expect(answer).toContain('"origin_not_allowed"');
      expect(answer).not.toMatch(/access-control-allow/i);
    }
  });

  it("EXP-11 cannot hide behind many other headers", async () => {
    const filler = Array.from({ length: 2_100 }, () => "a:b");
    const { status } = await send("GET /healthz", ["Host: localhost", ...filler, "Origin: http://evil.example"]);
    expect(status).toBe(403);
  });

  it("EXP-11 gets no preflight answered", async () => {
    const { status, answer } = await send("OPTIONS /api/v1/orchestration/commands", [
      "Host: localhost",
      "Origin: http://evil.example",
      "Access-Control-Request-Method: POST",
    ]);
    expect(status).toBe(403);
    expect(answer).not.toMatch(/access-control-allow/i);
  });
});

describe("a cookie", () => {
  const command = () => JSON.stringify(deleteCommand());
  const post = async (headers: readonly string[]) => {
    const { cookie } = await served.browser();
    const all = [
      `Host: localhost:${served.listening.port}`,
      `Cookie: ${cookie}`,
      "Content-Type: application/json",
      ...headers,
    ];
    return send("POST /api/v1/orchestration/commands", all, command());
  };

  it("EXP-11 changes something only for our own page", async () => {
    expect((await post([`Origin: http://localhost:${served.listening.port}`])).status).toBe(200);
    expect((await post([])).status).toBe(403);
    expect((await post(["Origin: null"])).status).toBe(403);
    expect((await post(["Referer: http://localhost/"])).status).toBe(403);
    expect(served.orchestration.dispatched).toHaveLength(1);
  });

  it("EXP-11 reads nothing for another page of this machine, which the browser calls the same site", async () => {
    const { cookie } = await served.browser();
    const get = (site: string) =>
      send("GET /api/v1/auth/me", ["Host: localhost", `Cookie: ${cookie}`, `Sec-Fetch-Site: ${site}`]);
    expect((await get("same-site")).status).toBe(403);
    expect((await get("cross-site")).status).toBe(403);
    expect((await get("same-origin")).status).toBe(200);
    expect((await get("none")).status).toBe(200);
  });

  it("beside a bearer token counts for nothing, so a script needs no origin", async () => {
    const { status } = await post([`Authorization: ${served.bearer.authorization}`]);
    expect(status).toBe(200);
    expect(served.orchestration.dispatched[0]?.caller.principalKind).toBe("service");
  });

  it("of another hub on this machine is not ours", async () => {
    const { cookie } = await served.browser();
    const other = cookie.replace(/muster_\d+/, "muster_1");
    expect((await send("GET /api/v1/auth/me", ["Host: localhost", `Cookie: ${other}`])).status).toBe(401);
    const both = `muster_1=${"x".repeat(43)}; ${cookie}`;
    expect((await send("GET /api/v1/auth/me", ["Host: localhost", `Cookie: ${both}`])).status).toBe(200);
  });
});

it("EXP-11 a secret in the query string is refused, and named in the log without its value", async () => {
  const secret = served.bearer.authorization.slice("Bearer ".length);
  for (const path of ["/", "/api/v1/nodes", "/api/v1/orchestration/events", "/healthz"]) {
    const response = await served.fetch(`${path}?access_token=${secret}`, { headers: served.bearer });
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain(secret.slice(0, 9));
  }
  const warnings = served.lines.filter(({ level }) => level === "warn");
  expect(warnings).toHaveLength(4);
  expect(warnings[0]?.fields).toMatchObject({ parameter: "access_token", path: "/" });
  expect(JSON.stringify(served.lines)).not.toContain(secret.slice(0, 9));
});

describe("an upgrade", () => {
  const upgrade = (headers: readonly string[], path = "/uplink/v1") =>
    served.raw(
      `GET ${path} HTTP/1.1\r\n${[...headers, "Connection: Upgrade", "Upgrade: websocket"].join("\r\n")}\r\n\r\n`,
    ).closed;

  it("that passes the gate is handed on", async () => {
    expect(await upgrade(["Host: localhost"])).toMatch(/^HTTP\/1\.1 101 /);
    expect(upgrades.map(({ url }) => url)).toEqual(["/uplink/v1"]);
  });

  it.each([
    ["a foreign host", ["Host: evil.example"], "/uplink/v1", 403],
    ["a foreign origin", ["Host: localhost", "Origin: http://evil.example"], "/uplink/v1", 403],
    ["another page of this machine", ["Host: localhost", "Origin: http://localhost:3000"], "/uplink/v1", 403],
    ["no page", ["Host: localhost", "Origin: null"], "/uplink/v1", 403],
    ["a token in the query", ["Host: localhost"], "/uplink/v1?token=x", 400],
    ["a path with two meanings", ["Host: localhost"], "/uplink/..%2fv1", 400],
  ] as const)("EXP-11 from %s is not", async (_who, headers, path, status) => {
    const answer = await upgrade(headers, path);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toMatch(/\{"code":"[a-z_]+","message":/);
    expect(upgrades).toEqual([]);
  });

  it("is not found where nobody takes it, and no upgrade where it is none", async () => {
    const offered = served.raw(
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n",
    );
    expect(await offered.closed).toMatch(/^HTTP\/1\.1 200 /);
    await served.close();
    served = await serve();
    expect(await upgrade(["Host: localhost"])).toMatch(/^HTTP\/1\.1 404 /);
  });
});
