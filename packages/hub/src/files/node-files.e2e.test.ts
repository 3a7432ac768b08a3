// The whole hub with a scripted daemon: a question about files over HTTP, to the machine and back, and taken back.
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Frame, FrameOf, NodeCapabilities, SpaceId } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Hub, startHub } from "../server.ts";
import { DaemonEnd, keyOf, newMachine } from "../uplink/testing/daemon-end.ts";

/** Questions to one node that may wait at once; the hub's own limit. */
const REQUESTS_MAX = 64;

let home: string;
let hub: Hub;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "muster-hub-"));
  hub = await startHub({
    home,
    host: "127.0.0.1",
    port: 0,
    version: "0.1.0",
    consoleDirectory: null,
    logLevel: "info",
  });
});
afterEach(async () => {
  await hub.close();
  await rm(home, { recursive: true, force: true });
});

const call = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${hub.url}/api/v1${path}`, {
    ...init,
    headers: {
      authorization: `Bearer ${readFileSync(hub.tokenFile, "utf8").trim()}`,
      ...(init.body === undefined ? {} : { "content-type": "application/json" }),
    },
  });

/** A connected machine with a project; it answers only whether the project's folder is good. */
const machineWithProject = async (capabilities: NodeCapabilities) => {
  const machine = newMachine();
  await hub.enrolLocalNode({ nodeId: machine.nodeId, publicKey: keyOf(machine) });
  const end = new DaemonEnd(hub.url);
  end.socket.on("message", (data) => {
    const frame = JSON.parse(data.toString()) as Frame;
    if (frame.type === "request" && frame.request.method === "workspace.check")
      end.send({ type: "response", requestId: frame.requestId, result: { path: frame.request.path } });
  });
  end.send(await end.hello(machine, { spaceId: hub.spaceId as SpaceId, capabilities }));
  await end.next("hello_ack");
  const { nodes } = (await (await call("/nodes")).json()) as { nodes: { sessionId: string }[] };
  const created = await call("/orchestration/commands", {
    method: "POST",
    body: JSON.stringify({
      type: "project.create",
      commandId: "command-1",
      projectId: "project",
      sessionId: nodes[0]?.sessionId,
      nodeId: machine.nodeId,
      title: "A project",
      workspaceRoot: "/work/project",
    }),
  });
  expect(created.status).toBe(200);
  const questions = (): FrameOf<"request">[] =>
    end.of("request").filter(({ request }) => request.method.startsWith("files."));
  return { end, questions };
};

const listing = (name: string) => ({
  path: "",
  entries: [{ path: name, kind: "file", leadsTo: null, sizeBytes: 1, isCut: false }],
  truncated: false,
});

it("NOD-22 a question goes to the machine and its answer comes back, with a limit of depth and a path that stays inside", async () => {
  const { end, questions } = await machineWithProject({ files: { version: 1 } });
  const asking = call("/projects/project/files?path=src%2Fdeep&depth=3&ignored=true");
  await until("the question", () => questions().length === 1);
  const [{ requestId, request }] = questions() as [FrameOf<"request">];
  expect(request).toEqual({
    ...{ method: "files.tree", workspaceRoot: "/work/project" },
    ...{ path: "src/deep", depth: 3, ignored: true },
  });
  end.send({ type: "response", requestId, result: listing("a.ts") });
  const answer = await asking;
  expect([answer.status, await answer.json()]).toEqual([200, listing("a.ts")]);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const refused = ["path=..", "path=%2Fetc", "path=a%2F..%2F..", "depth=9", "depth=0", "path=%00", "workspaceRoot=%2F"];
  for (const query of refused) {
    const { status } = await call(`/projects/project/files?${query}`);
    expect([query, status]).toEqual([query, 400]);
  }
  expect((await call("/projects/project/files/content?path=")).status).toBe(400);
  expect((await call("/projects/other/files")).status).toBe(404);
  expect(questions()).toHaveLength(1);
});

it("NOD-22 a machine that cannot answer is never asked, and one that is away is offline", async () => {
  const { end, questions } = await machineWithProject({ hostname: "old" });
  const old = await call("/projects/project/files");
  expect([old.status, await old.json()]).toMatchObject([426, { code: "node_upgrade_required" }]);
  expect(questions()).toEqual([]);
  end.socket.terminate();
  await until("the machine to be away", async () => (await call("/projects/project/files")).status === 409);
  expect(await (await call("/projects/project/files/content?path=a")).json()).toMatchObject({ code: "node_offline" });
});

it.each(["files?path=a", "files/content?path=a"])(
  "NOD-22 a machine hears that the caller of %s has left, long before the question's own time is over",
  async (path) => {
    const { end, questions } = await machineWithProject({ files: { version: 1 } });
    const leaving = new AbortController();
    const askedMs = performance.now();
    const gone = call(`/projects/project/${path}`, { signal: leaving.signal }).catch(() => "left");
    await until("the question", () => questions().length === 1);
    leaving.abort();
    expect(await gone).toBe("left");
    expect((await end.next("cancel")).requestId).toBe(questions()[0]?.requestId);
    // The hub itself gives a question up after 15 s, and tells the machine so as well.
    expect(performance.now() - askedMs).toBeLessThan(12_000);
  },
);

it("NOD-22 callers who leave take their questions back: the machine hears of it, and its slots are free again", async () => {
  const { end, questions } = await machineWithProject({ files: { version: 1 } });
  const leaving = new AbortController();
  const gone = Array.from({ length: REQUESTS_MAX }, (_, index) =>
    call(`/projects/project/files/content?path=${index}`, { signal: leaving.signal }).catch(() => "left"),
  );
  await until("all questions", () => questions().length === REQUESTS_MAX);
  // Every slot is taken: one more is refused, and would be for 15 seconds.
  expect(await (await call("/projects/project/files")).json()).toMatchObject({ code: "queue_full" });
  leaving.abort();
  expect(new Set(await Promise.all(gone))).toEqual(new Set(["left"]));
  await until("the machine to hear of it", () => end.of("cancel").length === REQUESTS_MAX);
  expect(
    end
      .of("cancel")
      .map(({ requestId }) => requestId)
      .sort(),
  ).toEqual(
    questions()
      .map(({ requestId }) => requestId)
      .sort(),
  );
  const asking = Array.from({ length: REQUESTS_MAX }, () => call("/projects/project/files"));
  await until("as many questions again", () => questions().length === 2 * REQUESTS_MAX);
  for (const { requestId } of questions()) end.send({ type: "response", requestId, result: listing("a.ts") });
  expect((await Promise.all(asking)).map(({ status }) => status)).toEqual(Array(REQUESTS_MAX).fill(200));
  // Nobody failed: it was the callers' own wish.
  expect(readFileSync(join(home, "hub.log"), "utf8")).not.toContain("failed unexpectedly");
});

it("NOD-22 a machine that goes away while it is asked is offline at once", async () => {
  const { end, questions } = await machineWithProject({ files: { version: 1 } });
  const asking = call("/projects/project/files");
  await until("the question", () => questions().length === 1);
  end.socket.terminate();
  expect(await (await asking).json()).toMatchObject({ code: "node_offline" });
});
