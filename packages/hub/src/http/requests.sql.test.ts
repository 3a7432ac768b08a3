import { BODY_MAX_BYTES, ERRORS, ErrorBody, MusterError } from "@muster/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deleteCommand } from "./testing/fakes.ts";
import { type Served, serve } from "./testing/served.ts";

let served: Served;
beforeEach(async () => {
  served = await serve();
});
afterEach(async () => {
  await served.close();
});

const COMMANDS = "/api/v1/orchestration/commands";

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Readonly<Record<string, string>> = {}) =>
  served.fetch(COMMANDS, {
    method: "POST",
    headers: { ...served.bearer, "content-type": "application/json", ...headers },
    body,
  });

/** The answer's body, which must be the one error shape and nothing else. */
const errorOf = async (response: Response) => {
  expect(response.headers.get("content-type")).toBe("application/json");
  return ErrorBody.strict().parse(await response.json());
};

describe("a thread", () => {
  const THREAD = "/api/v1/orchestration/threads/01900000-0000-7000-8000-000000000001";
  const open = (query = "") => served.fetch(`${THREAD}${query}`, { headers: served.bearer });

  it("leaves as the bytes that were prepared (ORC-26)", async () => {
    served.orchestration.threadBytes = Buffer.from('{ "prepared": "ä" }');
    const response = await open("?turnLimit=3");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("content-length")).toBe("20");
    expect(await response.text()).toBe('{ "prepared": "ä" }');
    expect(served.orchestration.reads).toMatchObject([{ name: "getThreadBytes", input: { turnLimit: 3 } }]);
  });

  it("is refused in the one shape of errors", async () => {
    const absent = await open();
    expect([absent.status, (await errorOf(absent)).code]).toEqual([404, "thread_not_found"]);
    const wrong = await open("?turnLimit=no");
    expect([wrong.status, (await errorOf(wrong)).code]).toEqual([400, "validation_failed"]);
    const stranger = await served.fetch(THREAD);
    expect([stranger.status, (await errorOf(stranger)).code]).toEqual([401, "unauthenticated"]);
  });
});

describe("commands", () => {
  it("ORC-15 answers generation, sequence and receipt, and a repeated command with its duplicate", async () => {
    const command = deleteCommand({ clientCreatedAt: "2026-01-01T00:00:00.000Z" });
    const first = await post(JSON.stringify(command));
    expect(first.status).toBe(200);
    expect(await first.json()).toEqual({ generation: "generation-1", sequence: 1, receipt: "accepted" });
    const second = await post(JSON.stringify(command));
    expect(await second.json()).toEqual({ generation: "generation-1", sequence: 1, receipt: "duplicate" });
    expect(served.orchestration.dispatched[0]).toMatchObject({
      command,
      caller: { principalId: served.opened.identity.cliPrincipalId, principalKind: "service" },
    });
  });

  it.each([
    "turn_in_progress",
    "command_id_reused",
    "queue_full",
    "outcome_unknown",
    "thread_not_found",
    "workspace_not_allowed",
  ] as const)("pass a refusal on as it is: %s", async (code) => {
    const { status, retryable } = ERRORS[code];
    served.orchestration.failure = new MusterError(code, "In words.", { expected: 5 });
    const response = await post(JSON.stringify(deleteCommand()));
    expect(response.status).toBe(status);
    expect(response.headers.has("retry-after")).toBe(status === 503);
    expect(await errorOf(response)).toEqual({ code, message: "In words.", retryable, details: { expected: 5 } });
  });

  it("tell nothing of a failure but an id under which the log has all", async () => {
    served.orchestration.failure = new Error("password=hunter2 at /home/someone/secret.ts");
    const response = await post(JSON.stringify(deleteCommand()));
    expect(response.status).toBe(500);
    const error = await errorOf(response);
    const requestId = response.headers.get("x-request-id");
    expect(error).toMatchObject({ code: "internal_error", retryable: true, details: { requestId } });
    expect(JSON.stringify(error)).not.toMatch(/hunter2|secret|\.ts/);
    const line = served.lines.find(({ level }) => level === "error");
    expect(line?.fields).toMatchObject({ requestId, err: served.orchestration.failure });
  });

  it("name the fields that do not fit, and no more than twenty", async () => {
    const response = await post(JSON.stringify({ type: "thread.turn.start", commandId: "not an id", extra: 1 }));
    expect(response.status).toBe(400);
    const { code, details } = await errorOf(response);
    expect(code).toBe("validation_failed");
    const issues = details?.["issues"] as { path: string; message: string }[];
    expect(issues.map(({ path }) => path)).toContain("commandId");
    expect(issues.map(({ path }) => path)).toContain("message");
    for (const issue of issues) expect(Object.keys(issue).sort()).toEqual(["message", "path"]);
    const many = Array.from({ length: 32 }, () => ({ name: 1, command: 2 }));
    const flood = await post(JSON.stringify({ ...deleteCommand(), type: "project.meta.update", scripts: many }));
    expect((await errorOf(flood)).details?.["issues"]).toHaveLength(20);
  });

  it.each(["null", "[]", '"text"', "17", "{}", '{"type":"__proto__"}', '{"__proto__":{"type":"project.delete"}}'])(
    "refuse a body that is no command: %s",
    async (body) => {
      const response = await post(body);
      expect(response.status).toBe(400);
      expect((await errorOf(response)).code).toBe("validation_failed");
      expect(served.orchestration.dispatched).toEqual([]);
    },
  );
});

describe("bodies", () => {
  it.each(["{", "", " ", "{'a':1}", '{"a":1}x', "\u0000", "undefined"])(
    "that are no JSON are refused: %j",
    async (body) => {
      const response = await post(body);
      expect(response.status).toBe(400);
      // Nothing at all is an empty command, which fits no schema.
      expect((await errorOf(response)).code).toBe(body === "" ? "validation_failed" : "malformed_request");
    },
  );

  it("that are not UTF-8 are refused", async () => {
    const response = await post(new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]));
    expect((await errorOf(response)).code).toBe("malformed_request");
  });

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "",
  ])("with the content type %j are refused", async (contentType) => {
    const response = await post(JSON.stringify(deleteCommand()), { "content-type": contentType });
    expect(response.status).toBe(400);
    expect((await errorOf(response)).code).toBe("malformed_request");
  });

  it("with a charset in their content type are taken, encoded ones are not", async () => {
    const command = JSON.stringify(deleteCommand());
    expect((await post(command, { "content-type": "Application/JSON; charset=utf-8" })).status).toBe(200);
    expect((await post(command, { "content-encoding": "gzip" })).status).toBe(400);
  });

  it("that nest without end are refused before they are parsed", async () => {
    for (const body of ["[".repeat(500_000), `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`]) {
      const response = await post(body);
      expect(response.status).toBe(400);
      expect((await errorOf(response)).code).toBe("malformed_request");
    }
  });

  it("are taken up to the limit and refused above it", async () => {
    const base = JSON.stringify(deleteCommand());
    expect((await post(base.padEnd(BODY_MAX_BYTES, " "))).status).toBe(200);
    const response = await post(base.padEnd(BODY_MAX_BYTES + 1, " "));
    expect(response.status).toBe(413);
    expect(await errorOf(response)).toMatchObject({
      code: "payload_too_large",
      details: { maxBytes: BODY_MAX_BYTES },
    });
  });

  it("that announce too much are refused before a byte of them is read", async () => {
    const connection = served.raw(
      `POST ${COMMANDS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${served.bearer.authorization}\r\nContent-Type: application/json\r\nContent-Length: 100000000000\r\n\r\n`,
    );
    const answer = await connection.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"payload_too_large"');
    expect(answer).toMatch(/connection: close/i);
  });

  it("without a length are cut off at the first byte too many", async () => {
    const chunk = "x".repeat(64 * 1024);
    const connection = served.raw(
      `POST ${COMMANDS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${served.bearer.authorization}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (let sent = 0; sent <= BODY_MAX_BYTES; sent += chunk.length) {
      connection.socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    }
    const answer = await connection.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(connection.socket.bytesWritten).toBeLessThan(2 * BODY_MAX_BYTES);
  });

  it("of someone unknown are not read at all, and what follows on the connection still works", async () => {
    const connection = served.raw(
      `POST ${COMMANDS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n0123456789GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    const answer = await connection.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toMatch(/HTTP\/1\.1 200 /);
  });

  it("are asked for when the client waits to be asked, and not when they would be refused", async () => {
    const command = JSON.stringify(deleteCommand());
    const head = (length: number) =>
      `POST ${COMMANDS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${served.bearer.authorization}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`;
    const welcome = served.raw(head(command.length));
    await welcome.until("100 Continue");
    welcome.socket.write(command);
    expect(await welcome.closed).toContain('"accepted"');
    const refused = await served.raw(head(BODY_MAX_BYTES + 1)).closed;
    expect(refused).toMatch(/^HTTP\/1\.1 413 /);
    expect(refused).not.toContain("100 Continue");
  });

  it("of a GET request are refused", async () => {
    const connection = served.raw(
      `GET /api/v1/auth/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: ${served.bearer.authorization}\r\nContent-Length: 2\r\n\r\n{}`,
    );
    expect(await connection.closed).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe("reads", () => {
  it("take their numbers and flags from the query, and say nothing of what was not given", async () => {
    expect((await served.api("/orchestration/snapshot?archived=true&limit=5")).status).toBe(200);
    expect((await served.api("/orchestration/threads/thread-1/diff?fromTurnCount=0&toTurnCount=2")).status).toBe(200);
    expect((await served.api("/orchestration/events/page?after=7")).status).toBe(200);
    expect(served.orchestration.reads).toEqual([
      { name: "getSnapshot", input: { archived: true, limit: 5 } },
      { name: "getTurnDiff", input: { threadId: "thread-1", fromTurnCount: 0, toTurnCount: 2 } },
      { name: "getEventsPage", input: { after: 7, limit: 100 } },
    ]);
  });

  it.each([
    "/orchestration/snapshot?limit=0",
    "/orchestration/snapshot?limit=201",
    "/orchestration/snapshot?limit=1e2",
    "/orchestration/snapshot?limit=5&limit=6",
    "/orchestration/snapshot?archived=maybe",
    "/orchestration/snapshot?unknown=1",
    "/orchestration/snapshot?__proto__[x]=1",
    "/orchestration/threads/with%20space",
    "/orchestration/threads/thread-1/diff",
    "/orchestration/events/page?limit=501",
    "/orchestration/events?after=1&other=2",
  ])("refuse what does not fit: %s", async (path) => {
    const response = await served.api(path);
    expect(response.status).toBe(400);
    expect((await errorOf(response)).code).toBe("validation_failed");
    expect(served.orchestration.reads).toEqual([]);
  });

  it("list the nodes of the caller's own sessions, and the caller's own nodes", async () => {
    const response = await served.api("/nodes");
    expect(await response.json()).toEqual({ nodes: [], inNoSession: [] });
    const { identity } = served.opened;
    const caller = await identity.authenticate({ ...served.bearer, cookie: undefined });
    // The command line's machines are those of the person it stands for.
    expect(served.nodes.listed).toEqual([
      { spaceId: caller?.spaceId, sessionIds: [caller?.defaultSessionId], ownerId: identity.ownerId },
    ]);
  });

  it("are never kept by a browser or a proxy", async () => {
    const response = await served.api("/nodes");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });
});

describe("paths and methods", () => {
  it.each([
    "/api",
    "/api/",
    "/api/v1",
    "/api/v1/",
    "/api/v2/health",
    "/api/v1/nothing",
    "/api/v1/health/",
    "/uplink/v1",
  ])("%s is not found", async (path) => {
    const response = await served.fetch(path, { headers: served.bearer });
    expect(response.status).toBe(404);
    expect((await errorOf(response)).code).toBe("not_found");
  });

  it.each([
    ["DELETE", "/api/v1/health", "GET"],
    ["PUT", "/api/v1/orchestration/threads/some-id", "GET"],
    ["GET", "/api/v1/orchestration/commands", "POST"],
    ["OPTIONS", "/api/v1/orchestration/commands", "POST"],
    ["POST", "/healthz", "GET, HEAD"],
    ["POST", "/openapi.json", "GET, HEAD"],
    ["POST", "/threads", "GET, HEAD"],
  ])("%s is not a method of %s", async (method, path, allow) => {
    const response = await served.fetch(path, { method, headers: served.bearer });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect((await errorOf(response)).code).toBe("method_not_allowed");
  });

  it.each([
    "GET http://evil.example/api/v1/health HTTP/1.1",
    "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1",
    "GET /api/v1/../../etc/passwd HTTP/1.1",
    "GET /api/v1/orchestration/threads/..%2f..%2fauth%2fme HTTP/1.1",
    "GET //evil.example/ HTTP/1.1",
    "OPTIONS * HTTP/1.1",
  ])("no path means two things: %s", async (line) => {
    const connection = served.raw(
      `${line}\r\nHost: localhost\r\nAuthorization: ${served.bearer.authorization}\r\nConnection: close\r\n\r\n`,
    );
    const answer = await connection.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"malformed_request"');
  });

  it("a header never makes another method of a request", async () => {
    for (const name of ["x-http-method-override", "x-http-method", "x-method-override"]) {
      const response = await served.fetch(COMMANDS, { headers: { ...served.bearer, [name]: "POST" } });
      expect(response.status).toBe(405);
    }
    const byQuery = await served.fetch(`${COMMANDS}?_method=POST`, { headers: served.bearer });
    expect(byQuery.status).toBe(405);
    expect(served.orchestration.dispatched).toEqual([]);
  });
});

it("answers no more requests at once than it may", async () => {
  await served.close();
  served = await serve({ limits: { maxRequestsInFlight: 1 } });
  let open = () => {};
  served.orchestration.gate = new Promise((resolve) => {
    open = resolve;
  });
  const [one, two] = [post(JSON.stringify(deleteCommand())), post(JSON.stringify(deleteCommand()))];
  const first = await Promise.race([one, two]);
  expect(first.status).toBe(503);
  expect(first.headers.get("retry-after")).toBe("1");
  open();
  expect((await Promise.all([one, two])).map((response) => response.status).sort()).toEqual([200, 503]);
  expect((await post(JSON.stringify(deleteCommand()))).status).toBe(200);
});
