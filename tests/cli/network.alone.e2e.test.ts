// A hub and a second machine that share nothing but a network: by the line that the hub's machine prints.
import type { NodeSummary } from "@muster/contracts";
import { best } from "@muster/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { daemonUp, joined } from "./machines.ts";
import { Place, until } from "./muster.ts";
import { FIRST_ADDRESSES, makeWire, type Wire, whyNoNetwork } from "./network.ts";

/** What the product promises. */
const JOIN_MAX_MS = 5_000;

const why = whyNoNetwork();
let wire: Wire | undefined;
let hub: Place;
let machine: Place;

beforeEach(async ({ skip }) => {
  // In a container without the right to make networks there is nothing to test; the last line counts it as skipped.
  if (why !== null) skip(`the kernel lets nobody make a network here: ${why}`);
  wire = await makeWire();
  hub = new Place(wire.first);
  machine = new Place(wire.second);
});
afterEach(async () => {
  if (wire === undefined) return;
  await Promise.all([machine.clear(), hub.clear()]);
  await wire.end();
  wire = undefined;
});

/** `muster up` on the first machine; nobody here can reach it but through commands there. */
async function hubUp(...options: string[]): Promise<string> {
  const up = hub.spawn(["up", "--quiet", "--port", "0", "--workspace-root", hub.work, ...options]);
  return until("the hub to be ready", () => {
    if (up.child.exitCode !== null) throw new Error(`it ended with ${up.child.exitCode}: ${up.stderr()}`);
    return /^\S+\n/.exec(up.stdout())?.[0].trim();
  });
}

const rosterOf = async (): Promise<readonly NodeSummary[]> => (await hub.json<{ nodes: NodeSummary[] }>("nodes")).nodes;

describe("a second machine", () => {
  test.each([
    ["0.0.0.0", FIRST_ADDRESSES.ipv4],
    [FIRST_ADDRESSES.ipv6, `[${FIRST_ADDRESSES.ipv6}]`],
  ])("EXP-3 joins over the network by one line, within 5 s, where the hub listens on %s", async (host, name) => {
    const url = await hubUp("--host", host, "--trust-network");
    expect(new URL(url).hostname).toBe(name);
    const joinedAfterMs = async (): Promise<number> => {
      const { stdout, stderr } = await hub.muster(["invite"]);
      expect(stderr).not.toContain("this machine only");
      const link = /"(.+)"/.exec(stdout)?.[1] ?? "";
      expect(new URL(link).hostname).toBe(name);
      const began = performance.now();
      const daemon = await joined(machine, link, "--home", `${machine.home}-${began}`);
      const tookMs = performance.now() - began;
      const own = (await rosterOf()).find(({ nodeId }) => nodeId === daemon.ready.nodeId);
      expect(own).toMatchObject({ state: "online", health: "online" });
      daemon.child.kill("SIGTERM");
      expect((await daemon.finished).exitCode).toBe(0);
      return tookMs;
    };
    expect(await best(JOIN_MAX_MS, joinedAfterMs)).toBeLessThan(JOIN_MAX_MS);
  });

  test("EXP-3 works there as on the hub's machine, and starts again by its own command", async () => {
    await hubUp("--host", "0.0.0.0", "--trust-network");
    const { stdout: link } = await hub.muster(["invite", "--quiet"]);
    const daemon = await joined(machine, link.trim());
    daemon.child.kill("SIGTERM");
    await daemon.finished;
    const again = await daemonUp(machine);
    expect(again.ready.nodeId).toBe(daemon.ready.nodeId);
    const { projectId } = await machine.json<{ projectId: string }>("project", "add", machine.repository("shop"));
    const { threadId } = await hub.json<{ threadId: string }>(
      ...["thread", "new", "--project", projectId, "--provider", "sample", "--mode", "full-access"],
    );
    const turn = await hub.muster(["turn", "start", threadId, "edit far.txt: away\nsay Over the wire.", "--follow"]);
    expect(turn.stdout).toContain("Over the wire.");
    expect((await hub.muster(["diff", threadId])).stdout).toContain("+away");
  });

  test("EXP-11 does not reach a hub that listens on loopback, whatever link it is given", async () => {
    const url = await hubUp();
    const { stdout, stderr } = await hub.muster(["invite"]);
    expect(stderr).toContain("This link works on this machine only");
    const link = /"(.+)"/.exec(stdout)?.[1] ?? "";
    const there = link.replace("127.0.0.1", FIRST_ADDRESSES.ipv4);
    expect(there).not.toBe(link);
    const refused = await machine.muster(["join", there]);
    expect(refused.exitCode).toBe(6);
    expect(refused.stderr).toContain(`No hub answers at ${url.replace("127.0.0.1", FIRST_ADDRESSES.ipv4)}`);
  });
});
