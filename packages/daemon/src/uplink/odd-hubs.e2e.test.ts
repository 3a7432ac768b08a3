// Hubs that are confused or lie: what they say keeps a daemon neither busy nor full.
import { afterEach, expect, it } from "vitest";
import { systemTimers, type Timers } from "../processes/index.ts";
import { QUICK_RETRY_MS } from "./reactions.ts";
import { endAll } from "./testing/opened.ts";
import { openUplink } from "./testing/opened-uplink.ts";

afterEach(endAll);

it("a question that comes again under its id is answered once, however often it comes", async () => {
  const asked: string[] = [];
  const { hub, connected } = await openUplink({
    answer: (request) => {
      if (request.method !== "workspace.check") throw new Error("another question was asked");
      asked.push(request.path);
      return request.path === "/last" ? Promise.resolve({ path: "/real" }) : new Promise(() => {});
    },
  });
  await connected();
  const ask = (requestId: string, path: string) =>
    hub.current.send({ type: "request", requestId, request: { method: "workspace.check", path } });
  for (let index = 0; index < 100; index += 1) ask("same", `/${index}`);
  ask("other", "/last");
  expect(await hub.next("response")).toMatchObject({ requestId: "other" });
  expect(asked).toEqual(["/0", "/last"]);
});

it("a hub with which no connection is of use is come back to at once, and then after pauses", async () => {
  const delaysMs: number[] = [];
  const timers: Timers = {
    nowMs: () => performance.now(),
    schedule: (delayMs, run) => {
      if (delayMs < 1_000) delaysMs.push(delayMs);
      return systemTimers.schedule(delayMs, run);
    },
  };
  const late = { fill: (bytes: Uint8Array) => bytes.fill(0xff) };
  const { connected, uplink } = await openUplink({}, timers, undefined, late);
  for (const count of [1, 2, 3]) {
    await connected(count);
    uplink.reconnect();
  }
  await connected(4);
  expect(delaysMs).toEqual([0, QUICK_RETRY_MS - 1, QUICK_RETRY_MS - 1]);
});
