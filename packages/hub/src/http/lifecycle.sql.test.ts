import { get } from "node:http";
import { networkInterfaces } from "node:os";
import type { Duplex } from "node:stream";
import { PATIENCE_MS } from "@muster/core/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inUrl, ownAddresses } from "./addresses.ts";
import { createHttpServer, type HttpServerOptions } from "./index.ts";
import { deleteCommand, FakeNodeFiles, FakeNodes, FakeOrchestration } from "./testing/fakes.ts";
import { type Served, serve } from "./testing/served.ts";

const PATIENTLY = { timeout: PATIENCE_MS };

let served: Served;
beforeEach(async () => {
  served = await serve();
});
afterEach(async () => {
  await served.close();
});

const another = (options: Partial<HttpServerOptions> = {}) =>
  createHttpServer({
    identity: served.opened.identity,
    orchestration: new FakeOrchestration(),
    nodes: new FakeNodes(),
    ...served.people,
    nodeFiles: new FakeNodeFiles(),
    version: "0.1.0-test",
    consoleDirectory: undefined,
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    clock: served.opened.clock,
    ids: served.ids,
    ...options,
  });

/** Of a probe under that Host header, which fetch would not let us choose. */
const statusOf = (port: number, host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/healthz", headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });

describe("listening", () => {
  it.each(["0.0.0.0", "::", "192.168.1.10", "10.0.0.1", "example.org", "", "::ffff:127.0.0.1"])(
    "EXP-11 is refused on %j, with the reason",
    async (host) => {
      await expect(another().listen({ host, port: 0 })).rejects.toMatchObject({
        code: "validation_failed",
        message: expect.stringContaining("loopback only"),
      });
    },
  );

  it.each(["127.0.0.1", "localhost", "127.0.0.5"])("works on %s", async (host) => {
    const server = another();
    const { port, url } = await server.listen({ host, port: 0 });
    expect(port).toBeGreaterThan(0);
    expect(url).toBe(`http://${host}:${port}`);
    await server.close();
  });

  const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

  it.each([
    ["0.0.0.0", "127.0.0.1"] as const,
    // Where the kernel has no IPv6, nothing can listen there.
    ...(hasIPv6 ? [["::", "[::1]"] as const] : []),
  ])("EXP-11 is on every address where somebody trusts the network: %s", async (host, loopback) => {
    const server = another();
    const { port, url, localUrl } = await server.listen({ host, port: 0, trustNetwork: true });
    expect(localUrl).toBe(`http://${loopback}:${port}`);
    const [own] = ownAddresses();
    expect(url).toBe(own === undefined ? localUrl : `http://${inUrl(own)}:${port}`);
    expect((await fetch(`${localUrl}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(server.serves(new URL(url).host)).toBe(true);
    for (const foreign of ["203.0.113.9", "evil.example", "0.0.0.0"]) {
      expect(server.serves(`${foreign}:${port}`)).toBe(false);
      expect(await statusOf(port, `${foreign}:${port}`)).toBe(403);
    }
    await server.close();
  });

  it("EXP-11 is on no name, and on no address with a zone, however much the network is trusted", async () => {
    for (const host of ["example.org", "", "fe80::1%lo"])
      await expect(another().listen({ host, port: 0, trustNetwork: true })).rejects.toMatchObject({
        code: "validation_failed",
        message: expect.stringContaining("no address of this machine"),
      });
    await expect(another().listen({ host: "203.0.113.9", port: 0, trustNetwork: true })).rejects.toMatchObject({
      code: "validation_failed",
      message: "This machine has no address 203.0.113.9.",
    });
  });

  it("EXP-11 behind a proxy is on loopback still, and answers to the proxy's name", async () => {
    const server = another({ publicUrl: "https://muster.example.org" });
    const { port, url, localUrl } = await server.listen({ port: 0 });
    expect({ url, localUrl }).toEqual({ url: "https://muster.example.org", localUrl: `http://127.0.0.1:${port}` });
    expect(server.serves("muster.example.org")).toBe(true);
    expect(await statusOf(port, "muster.example.org")).toBe(200);
    expect(await statusOf(port, "another.example.org")).toBe(403);
    await server.close();
  });

  it("answers to the very address it listens on", async () => {
    const server = another();
    const { url } = await server.listen({ host: "127.0.0.5", port: 0 });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    await server.close();
  });

  it("EXP-1 says that the port is taken", async () => {
    const { port } = served.listening;
    await expect(another().listen({ port })).rejects.toMatchObject({ code: "port_in_use", details: { port } });
  });

  it("EXP-11 is on 127.0.0.1 when nothing else is asked for", () => {
    expect(served.listening).toMatchObject({ host: "127.0.0.1", url: `http://127.0.0.1:${served.listening.port}` });
  });
});

describe("probes", () => {
  it("EXP-9 say without a login that the process lives, and since when", async () => {
    served.opened.clock.advance(1_500);
    const response = await served.fetch("/healthz");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ok", version: "0.1.0-test", uptimeMs: 1_500 });
    expect(await (await served.fetch("/api/v1/health")).json()).toEqual({
      status: "ok",
      version: "0.1.0-test",
      generation: "generation-1",
      headSequence: 0,
      uptimeMs: 1_500,
      database: "unchecked",
    });
  });

  it("EXP-9 say which part keeps the hub from serving, be it broken or silent", async () => {
    expect((await served.fetch("/readyz")).status).toBe(200);
    await served.close();
    served = await serve({
      readiness: {
        store: async () => "fine",
        streams: () => Promise.reject(new Error("secret address of the broker")),
        migrations: () => {
          throw new Error("older");
        },
        clock: () => new Promise(() => undefined),
      },
      limits: { readinessTimeoutMs: 20 },
    });
    const response = await served.fetch("/readyz");
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    const body = await response.text();
    expect(JSON.parse(body)).toEqual({
      status: "failing",
      checks: { store: "ok", streams: "failing", migrations: "failing", clock: "failing" },
    });
    expect(body).not.toContain("secret");
  });

  it("answer HEAD too", async () => {
    for (const path of ["/healthz", "/readyz", "/openapi.json"]) {
      const response = await served.fetch(path, { method: "HEAD" });
      expect(response.status).toBe(200);
      expect(await response.text()).toBe("");
    }
  });
});

describe("what is no request", () => {
  const answerTo = (bytes: string) => served.raw(bytes).closed;

  it.each([
    "nonsense\r\n\r\n",
    "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "\u0016\u0003\u0001\u0002\u0000\u0001\u0000",
  ])("is answered in the one error shape: %j", async (bytes) => {
    const answer = await answerTo(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? "")).toMatchObject({
      code: "malformed_request",
      retryable: false,
    });
  });

  it("takes nothing from the request before it, which gets its own answer", async () => {
    let open = () => {};
    served.orchestration.gate = new Promise((resolve) => {
      open = resolve;
    });
    const command = JSON.stringify(deleteCommand());
    const connection = served.raw(
      `POST /api/v1/orchestration/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${served.bearer.authorization}\r\nContent-Type: application/json\r\nContent-Length: ${command.length}\r\n\r\n${command}nonsense\r\n\r\n`,
    );
    await vi.waitFor(() => expect(served.orchestration.dispatchCalls).toBe(1), PATIENTLY);
    open();
    const answer = await connection.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('"accepted"');
    expect(served.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("has headers without end", async () => {
    const answer = await answerTo(`GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"x".repeat(17_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"payload_too_large"');
    const path = await answerTo(`GET /${"x".repeat(17_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(path).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("smuggles nothing: two lengths, or a length beside chunks", async () => {
    const start = "POST /api/v1/auth/redeem HTTP/1.1\r\nHost: localhost\r\n";
    expect(await answerTo(`${start}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await answerTo(`${start}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`)).toMatch(
      /^HTTP\/1\.1 400 /,
    );
  });
});

describe("a client that takes its time", () => {
  beforeEach(async () => {
    await served.close();
    served = await serve({
      limits: { headersTimeoutMs: 100, requestTimeoutMs: 200, lateRequestCheckMs: 20, keepAliveTimeoutMs: 100 },
    });
  });

  it("over its headers is told to try again and cut off, however steadily it drips", async () => {
    const connection = served.raw("GET / HTTP/1.1\r\nHost: localhost\r\n");
    const drip = setInterval(() => connection.socket.write("X-A: b\r\n"), 10);
    const answer = await connection.closed;
    clearInterval(drip);
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/"code":"unavailable".*did not arrive in time/);
  });

  it("over its body is told to try again and cut off", async () => {
    const connection = served.raw(
      `POST /api/v1/orchestration/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${served.bearer.authorization}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
    );
    const drip = setInterval(() => connection.socket.write(" "), 10);
    const answer = await connection.closed;
    clearInterval(drip);
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/"code":"unavailable".*did not arrive in time/);
    expect(served.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("before its next request is cut off", async () => {
    const answer = await served.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").closed;
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("closing", () => {
  const dispatch = () => served.api("/orchestration/commands", deleteCommand());

  it("lets what is being answered end, and takes nothing new", async () => {
    let open = () => {};
    served.orchestration.gate = new Promise((resolve) => {
      open = resolve;
    });
    const pipelined = served.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await pipelined.until("200 OK");
    const pending = dispatch();
    await vi.waitFor(() => expect(served.orchestration.dispatchCalls).toBe(1), PATIENTLY);
    const closed = served.server.close();
    await expect(served.fetch("/healthz")).rejects.toThrow();
    open();
    const response = await pending;
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ receipt: "accepted" });
    await closed;
    expect(await pipelined.closed).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("cuts what does not end in time", async () => {
    await served.close();
    served = await serve({ limits: { closeGraceMs: 50 } });
    served.orchestration.gate = new Promise(() => undefined);
    const hanging = dispatch().catch(() => "cut");
    await vi.waitFor(() => expect(served.orchestration.dispatchCalls).toBe(1), PATIENTLY);
    await served.server.close();
    expect(await hanging).toBe("cut");
  });

  it("leaves upgraded connections to whoever took them, and waits for none", async () => {
    await served.close();
    let upgraded: Duplex | undefined;
    served = await serve({
      limits: { closeGraceMs: 60_000 },
      onUpgrade: (_request, socket) => {
        upgraded = socket;
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      },
    });
    const uplink = served.raw(
      "GET /uplink/v1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    await uplink.until("101 Switching");
    await served.server.close();
    expect(upgraded?.destroyed).toBe(false);
    upgraded?.write("goodbye");
    await uplink.until("goodbye");
    upgraded?.destroy();
  });

  it("does not wait for a connection on which nothing was asked", async () => {
    await served.close();
    served = await serve({ limits: { closeGraceMs: 60_000 } });
    const silent = served.raw("");
    const begun = served.raw("GET /healthz HTTP/1.1\r\nHost: ");
    const asked = served.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await asked.until("200 OK");
    await served.server.close();
    expect(await Promise.all([silent.closed, begun.closed])).toEqual(["", ""]);
  });

  it("may be asked for twice, and before anything listens", async () => {
    await Promise.all([served.server.close(), served.server.close()]);
    await another().close();
  });
});
