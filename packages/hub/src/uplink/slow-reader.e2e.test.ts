// A reader that stops reading its feed, on a real socket of a whole hub: it costs a bounded amount, slows nobody, and is
// told to start over when it comes back.

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Me, type SpaceId } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Hub, startHub } from "../server.ts";
import { DaemonEnd, keyOf, newMachine } from "./testing/daemon-end.ts";

let home: string;
let hub: Hub;
let authorization: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "muster-hub-"));
  const settings = {
    host: "127.0.0.1",
    port: 0,
    version: "0.1.0",
    consoleDirectory: null,
    logLevel: "silent",
  } as const;
  hub = await startHub({ home, ...settings });
  authorization = `Bearer ${readFileSync(hub.tokenFile, "utf8").trim()}`;
  const machine = newMachine();
  await hub.enrolLocalNode({ nodeId: machine.nodeId, publicKey: keyOf(machine) });
  const end = new DaemonEnd(hub.url);
  const capabilities = { hostname: "box" };
  end.send(
    await end.hello(machine, { spaceId: hub.spaceId as SpaceId, incarnation: "incarnation-000001", capabilities }),
  );
  await end.next("hello_ack");
  const me = Me.parse(await (await fetch(`${hub.url}/api/v1/auth/me`, { headers: { authorization } })).json());
  const project = { projectId: "project", sessionId: me.defaultSessionId, nodeId: machine.nodeId, title: "A project" };
  // Without its machine a folder is not asked for.
  end.socket.terminate();
  await end.closed();
  await dispatch({ type: "project.create", commandId: "project", ...project, workspaceRoot: "/work" });
});
afterEach(async () => {
  await hub.close();
  await rm(home, { recursive: true, force: true });
});

async function dispatch(command: object): Promise<void> {
  const headers = { authorization, "content-type": "application/json" };
  const body = JSON.stringify(command);
  const response = await fetch(`${hub.url}/api/v1/orchestration/commands`, { method: "POST", headers, body });
  if (response.status !== 200) throw new Error(await response.text());
}

/** Feed on a bare socket; `bytes` counts what has come. */
function openFeed() {
  const socket = connectSocket({ host: "127.0.0.1", port: hub.port });
  const reader = { socket, bytes: 0, tail: "", isClosed: false };
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    reader.bytes += chunk.length;
    reader.tail = (reader.tail + chunk).slice(-2_000);
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    reader.isClosed = true;
  });
  socket.write(
    `GET /api/v1/orchestration/events HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nAuthorization: ${authorization}\r\n\r\n`,
  );
  return reader;
}

const TEXT_CHARACTERS = 110_000;
/** More than the log's tail keeps for readers that are close behind. */
const TURNS = 420;
/** What two kernels' buffers and the hub's own for one stream may hold, generously. */
const HELD_MAX_BYTES = 16 * 1024 * 1024;

it("ORC-27 a reader that stops reading holds a bounded part, slows nobody, and is reset when it reads again", async () => {
  const slow = openFeed();
  const fast = openFeed();
  await until("both to be live", () => slow.tail.includes("synchronized") && fast.tail.includes("synchronized"));
  slow.socket.pause();
  const text = "x".repeat(TEXT_CHARACTERS);
  for (let turn = 0; turn < TURNS; turn += 1) {
    const threadId = `thread-${turn}`;
    const thread = { threadId, projectId: "project", title: "A thread", provider: "sample", branch: null };
    const rest = { worktreePath: null, runtimeMode: "full-access" };
    await dispatch({ type: "thread.create", commandId: `create-${turn}`, ...thread, ...rest });
    const message = { messageId: `message-${turn}`, role: "user", text };
    await dispatch({
      type: "thread.turn.start",
      commandId: `start-${turn}`,
      threadId,
      turnId: `turn-${turn}`,
      message,
    });
  }
  await until("the fast one to have everything", () => fast.bytes > TURNS * TEXT_CHARACTERS);
  expect(fast.isClosed).toBe(false);
  slow.socket.resume();
  await until("the slow one to be told", () => slow.tail.includes('"slow-reader"'));
  expect(slow.bytes).toBeLessThan(HELD_MAX_BYTES);
  expect(slow.tail).toContain('"type":"reset"');
  for (const { socket } of [slow, fast]) socket.destroy();
});
