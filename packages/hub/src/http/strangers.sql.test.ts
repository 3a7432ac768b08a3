// What strangers may hold of the hub: open requests, their bodies, connections. Whose they are is told by their address, or
// by the proxy of this machine where the hub was told that there is one.
import { connect } from "node:net";
import { REDEMPTIONS_PER_MINUTE_MAX } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { ownAddresses } from "./addresses.ts";
import type { HttpLimits, HttpServerOptions } from "./index.ts";
import { type RawConnection, type Served, serve } from "./testing/served.ts";

const PROXIED = { publicUrl: "https://muster.example.org" } as const;

let served: Served;
const open: RawConnection[] = [];
afterEach(async () => {
  for (const { socket } of open.splice(0)) socket.destroy();
  await served.close();
});

const start = async (limits: Partial<HttpLimits>, options: Partial<HttpServerOptions> = PROXIED): Promise<void> => {
  served = await serve({ ...options, limits });
};

/** A login whose body is announced and never ends. */
const holdBody = (address: string): RawConnection => {
  const lines = [
    "POST /api/v1/auth/redeem HTTP/1.1",
    "Host: 127.0.0.1",
    `X-Forwarded-For: ${address}`,
    "Content-Type: application/json",
    "Content-Length: 100",
  ];
  const held = served.raw(`${lines.join("\r\n")}\r\n\r\n{`);
  open.push(held);
  return held;
};

const health = (address: string) => served.fetch("/api/v1/health", { headers: { "x-forwarded-for": address } });
const statusOf = async (address: string) => (await health(address)).status;

describe("requests of strangers that are held open", () => {
  it("of one address leave room for others, and none of them takes a place of who is logged in", async () => {
    await start({ publicRequestsMax: 5, publicRequestsPerAddressMax: 2, maxRequestsInFlight: 1 });
    for (const address of ["192.0.2.1", "forged, 192.0.2.1"]) holdBody(address);
    await until("the address has used up its share", async () => (await statusOf("192.0.2.1")) === 429);
    const refused = await health("192.0.2.1:4711");
    expect(await refused.json()).toMatchObject({ code: "rate_limited", details: { limit: 2 } });
    expect(await statusOf("192.0.2.2")).toBe(200);
    for (const address of ["2001:db8::1", "[2001:db8::2]:4711"]) holdBody(address);
    await until("the network has used up its share", async () => (await statusOf("2001:db8::3")) === 429);
    expect(await statusOf("2001:db8:0:1::3")).toBe(200);
    holdBody("192.0.2.3");
    await until("all places are taken", async () => (await statusOf("192.0.2.4")) === 503);
    expect((await served.api("/auth/me")).status).toBe(200);
    for (const { socket } of open) socket.destroy();
    await until("the places are free", async () => (await statusOf("192.0.2.1")) === 200);
  });

  it("end when their body does not come in time, with the connection", async () => {
    await start({ publicBodyTimeoutMs: 50, requestTimeoutMs: 600_000 });
    const answer = await holdBody("192.0.2.1").closed;
    expect(answer).toContain("HTTP/1.1 503");
    expect(answer).toContain("The request did not arrive in time.");
  });

  it("of this machine itself are limited in all alone", async () => {
    await start({ publicRequestsMax: 4, publicRequestsPerAddressMax: 1 });
    for (let count = 0; count < 3; count += 1) holdBody("127.0.0.1");
    expect(await statusOf("127.0.0.1")).toBe(200);
  });
});

describe("whom a proxy names", () => {
  const redeem = (address: string) =>
    served.fetch("/api/v1/invites/redeem", {
      method: "POST",
      headers: { "content-type": "application/json", "x-forwarded-for": address },
      body: JSON.stringify({ token: "A".repeat(43), displayName: "Ada" }),
    });
  const tries = async (addressOf: (index: number) => string) => {
    const codes: string[] = [];
    for (let index = 0; index <= REDEMPTIONS_PER_MINUTE_MAX; index += 1)
      codes.push(((await (await redeem(addressOf(index))).json()) as { code: string }).code);
    return codes.at(-1);
  };

  it("is counted by the name, the last of several, where the hub has a public URL", async () => {
    await start({});
    expect(await tries((index) => `192.0.2.${index}`)).toBe("invite_invalid");
    expect(await tries((index) => `192.0.2.${index}, 198.51.100.7`)).toBe("rate_limited");
    expect(await tries(() => "203.0.113.9")).toBe("rate_limited");
    expect((await redeem("203.0.113.10")).status).not.toBe(429);
  });

  it("is not believed where the hub has none: whoever is there writes what he likes", async () => {
    await start({}, {});
    expect(await tries((index) => `192.0.2.${index}`)).toBe("rate_limited");
  });
});

describe("connections of strangers", () => {
  const [own] = ownAddresses();

  // A machine without a network has no address but loopback.
  it.runIf(own !== undefined)(
    "that speak HTTP, or nothing, leave room for others where they are of one address",
    async () => {
      served = await serve(
        { limits: { connectionsPerAddressMax: 2 } },
        { host: "0.0.0.0", port: 0, trustNetwork: true },
      );
      const { port } = served.listening;
      const get = (host: string) => fetch(`http://${host}:${port}/healthz`, { headers: { connection: "close" } });
      const held = [connect(port, own), connect(port, own)];
      const answers = () =>
        get(own ?? "").then(
          () => true,
          () => false,
        );
      await until("the share is used up", async () => !(await answers()));
      expect((await get("127.0.0.1")).status).toBe(200);
      for (const socket of held) socket.destroy();
      await until("the share is free", answers);
    },
  );
});
