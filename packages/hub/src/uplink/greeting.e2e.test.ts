// Who gets a connection: the upgrade, the challenge and its signed answer, and what sockets may hold that prove nothing.
import { generateKeyPairSync } from "node:crypto";
import { connect as connectSocket } from "node:net";
import { CLOSE_CODES, type NodeId, type SpaceId, type ThreadId, type TurnId } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connect, DaemonEnd, enrolled, type Machine } from "./testing/daemon-end.ts";
import { type HubEnd, openHubEnd, SPACE } from "./testing/hub-end.ts";

let hub: HubEnd;
let machine: Machine;
beforeEach(async () => {
  hub = await openHubEnd();
  machine = enrolled(hub);
});
afterEach(async () => {
  await hub.close();
  expect(hub.calls.bugs).toEqual([]);
});

describe("DMN-16 the challenge", () => {
  it("is answered by a signed hello, and the hub says who it is and what it has", async () => {
    hub.act.cursor = () => 17;
    hub.act.reconcile = () => [{ threadId: "t" as ThreadId, turnId: "u" as TurnId }];
    const { ack } = await connect(hub, machine);
    expect(ack).toMatchObject({
      replicaId: "replica-1",
      epoch: 1,
      generation: "g1",
      ingestCursor: 17,
      stopTurns: [{ threadId: "t", turnId: "u" }],
    });
    expect(hub.calls.ready).toEqual([machine.nodeId]);
    expect(hub.uplink.connections.isConnected(SPACE, machine.nodeId)).toBe(true);
  });

  it("has 32 random bytes, new for every socket", async () => {
    const ends = [new DaemonEnd(hub.url), new DaemonEnd(hub.url)];
    const nonces = await Promise.all(ends.map(async (end) => (await end.next("challenge")).nonce));
    expect(new Set(nonces).size).toBe(2);
    for (const nonce of nonces) expect(Buffer.from(nonce, "base64url")).toHaveLength(32);
  });

  it.each([
    [
      "a wrong key",
      async (end: DaemonEnd) => end.hello({ ...machine, privateKey: generateKeyPairSync("ed25519").privateKey }),
    ],
    ["a node nobody enrolled", async (end: DaemonEnd) => end.hello({ ...machine, nodeId: "unknown" as NodeId })],
    ["another space", async (end: DaemonEnd) => end.hello(machine, { spaceId: "space-2" as SpaceId })],
    ["a signature over another nonce", async (end: DaemonEnd) => end.hello(machine, { nonce: "n".repeat(43) })],
    ["a signature that is none", async (end: DaemonEnd) => end.hello(machine, { signature: "AAAA" })],
    ["no signature", async (end: DaemonEnd) => end.hello(machine, { signature: "" })],
    [
      "another incarnation than was signed",
      async (end: DaemonEnd) => ({ ...(await end.hello(machine)), incarnation: "incarnation-000002" }),
    ],
  ])("refuses %s with 4001, after saying so, and lets nothing happen", async (_what, spoil) => {
    const end = new DaemonEnd(hub.url);
    await end.next("challenge");
    end.send(await spoil(end));
    expect(await end.closed()).toBe(CLOSE_CODES.unauthorized);
    expect(end.of("error")[0]?.error).toMatchObject({ code: "uplink.unauthorized" });
    expect([hub.calls.connected, hub.calls.ready]).toEqual([[], []]);
  });

  it("refuses a recorded hello on another socket", async () => {
    const first = new DaemonEnd(hub.url);
    const recorded = await first.hello(machine);
    first.send(recorded);
    await first.next("hello_ack");
    const replay = new DaemonEnd(hub.url);
    await replay.next("challenge");
    replay.send(recorded);
    expect(await replay.closed()).toBe(CLOSE_CODES.unauthorized);
    expect(first.closeCode).toBeUndefined();
  });

  it("ends a socket that says hello twice before it is answered", async () => {
    const end = new DaemonEnd(hub.url);
    const hello = await end.hello(machine);
    end.send(hello);
    end.send(hello);
    expect(await end.closed()).toBe(CLOSE_CODES.unauthorized);
    expect(hub.calls.connected.length).toBeLessThanOrEqual(1);
  });

  it("takes one hello per socket", async () => {
    const { end } = await connect(hub, machine);
    end.send(await end.hello(machine));
    await end.next("error");
    expect(end.of("error")[0]?.error.code).toBe("uplink.frame_invalid");
    expect(hub.calls.connected).toHaveLength(1);
  });

  it("refuses any other first frame", async () => {
    const end = new DaemonEnd(hub.url);
    await end.next("challenge");
    end.send({ type: "heartbeat", epoch: 1, healthState: "online" });
    expect(await end.closed()).toBe(CLOSE_CODES.unauthorized);
  });

  it("DMN-18 closes with 4013 where no protocol version is in common", async () => {
    const end = new DaemonEnd(hub.url);
    end.send(await end.hello(machine, { protocolVersions: [7, 8] }));
    expect(await end.closed()).toBe(CLOSE_CODES.protocolUnsupported);
    expect(end.of("error")[0]?.error).toMatchObject({
      code: "uplink.protocol_unsupported",
      details: { offered: [7, 8] },
    });
  });

  it("does not wait for a hello for ever", async () => {
    const timers = { scheduled: [] as { delayMs: number; run: () => void }[] };
    const late = await openHubEnd({
      timers: {
        nowMs: () => performance.now(),
        schedule: (delayMs, run) => {
          timers.scheduled.push({ delayMs, run });
          return () => {};
        },
      },
    });
    const end = new DaemonEnd(late.url);
    await end.next("challenge");
    const deadline = timers.scheduled.find(({ delayMs }) => delayMs === 5_000 && timers.scheduled.length > 0);
    for (const { delayMs, run } of [...timers.scheduled]) if (delayMs === deadline?.delayMs) run();
    await end.closed();
    expect(end.of("error")[0]?.error.code).toBe("uplink.unauthorized");
    await late.close();
  });
});

describe("DMN-5 who may upgrade", () => {
  it.each([
    ["an Origin, whichever", { headers: { origin: "http://127.0.0.1:1" } }, 403],
    ["the Origin null", { headers: { origin: "null" } }, 403],
    ["a Host that is not served", { headers: { host: "evil.example:80" } }, 403],
  ])("refuses %s", async (_what, options, status) => {
    const end = new DaemonEnd(hub.url, options);
    await until("a refusal", () => end.refused !== undefined);
    expect(end.refused).toBe(status);
  });
  it("knows one path", async () => {
    const end = new DaemonEnd(hub.url, {}, "/uplink/v2");
    await until("a refusal", () => end.refused !== undefined);
    expect(end.refused).toBe(404);
  });
  it("keeps nothing of a refused one, whose other side stays open for as long as it likes", async () => {
    const { port, hostname, host } = new URL(hub.url);
    const stranger = connectSocket({ port: Number(port), host: hostname, allowHalfOpen: true });
    stranger.write(`GET /nowhere HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    stranger.resume();
    await new Promise((resolve) => stranger.once("end", resolve));
    await until("no socket is left", async () => (await hub.sockets()) === 0);
    stranger.destroy();
  });
});

describe("sockets that prove nothing", () => {
  const from = (address: string) => ({ headers: { "x-from": address } });

  it("DMN-16 of one address leave room for others, and give their places back", async () => {
    const narrow = await openHubEnd({ limits: { greetingsMax: 5, greetingsPerAddressMax: 2 } });
    const known = enrolled(narrow);
    const held = [new DaemonEnd(narrow.url, from("192.0.2.1")), new DaemonEnd(narrow.url, from("192.0.2.1"))];
    for (const end of held) await end.next("challenge");
    const third = new DaemonEnd(narrow.url, from("192.0.2.1"));
    await until("a refusal", () => third.refused !== undefined);
    expect(third.refused).toBe(503);
    // Also a whole network of IPv6 is one.
    const network = ["2001:db8::1", "2001:db8::2"].map((address) => new DaemonEnd(narrow.url, from(address)));
    for (const end of network) await end.next("challenge");
    const neighbour = new DaemonEnd(narrow.url, from("2001:db8::3"));
    await until("a refusal", () => neighbour.refused !== undefined);
    // Who is proven holds no place.
    for (let count = 0; count < 3; count += 1) await connect(narrow, known);
    for (const end of held) end.socket.terminate();
    await until("their places are free", async () => {
      const again = new DaemonEnd(narrow.url, from("192.0.2.1"));
      await until("an answer", () => again.refused !== undefined || again.of("challenge").length > 0);
      return again.refused === undefined;
    });
    await narrow.close();
  });

  it("are read no further than a hello is long, in chunks neither", async () => {
    const end = new DaemonEnd(hub.url);
    await end.next("challenge");
    const chunk = {
      type: "chunk",
      chunkId: "c",
      count: 64,
      digest: "0".repeat(64),
      data: "x".repeat(200_000),
    } as const;
    end.send({ ...chunk, index: 0 });
    end.send({ ...chunk, index: 1 });
    expect(await end.closed()).toBe(1008);
    expect(end.of("error")[0]?.error).toMatchObject({ code: "uplink.unauthorized", message: "That is no hello." });
    const longest = await connect(hub, machine);
    longest.end.send({ ...chunk, index: 0 });
    longest.end.send({ ...chunk, index: 1 });
    longest.end.send({ type: "ping", nonce: "still there" });
    expect((await longest.end.next("pong")).nonce).toBe("still there");
  });
});
