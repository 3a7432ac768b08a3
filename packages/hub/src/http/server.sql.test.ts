import { afterEach, beforeEach, expect, it } from "vitest";
import { deleteCommand } from "./testing/fakes.ts";
import { type Served, serve } from "./testing/served.ts";

let served: Served;
beforeEach(async () => {
  served = await serve();
});
afterEach(async () => {
  await served.close();
});

it("answers a dispatched command, once per commandId", async () => {
  const command = deleteCommand();
  const first = await served.api("/orchestration/commands", command);
  expect(first.status, await first.clone().text()).toBe(200);
  expect(await first.json()).toEqual({ generation: "generation-1", sequence: 1, receipt: "accepted" });
});
it("gives health and snapshot", async () => {
  const health = await served.fetch("/api/v1/health");
  expect(await health.json()).toEqual({
    status: "ok",
    version: "0.1.0-test",
    generation: "generation-1",
    headSequence: 0,
    uptimeMs: 0,
  });
  const snapshot = await served.api("/orchestration/snapshot?limit=5&archived=true");
  expect(snapshot.status, await snapshot.clone().text()).toBe(200);
  expect(served.orchestration.reads).toEqual([{ name: "getSnapshot", input: { archived: true, limit: 5 } }]);
});
it("logs in", async () => {
  const link = await served.api("/auth/login-links", {});
  expect(link.status, await link.clone().text()).toBe(200);
  const { loginUrl } = (await link.json()) as { loginUrl: string };
  const token = loginUrl.split("#token=")[1];
  const redeemed = await served.fetch("/api/v1/auth/redeem", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  expect(redeemed.status, await redeemed.clone().text()).toBe(200);
  const cookie = redeemed.headers.get("set-cookie")?.split(";")[0] ?? "";
  const me = await served.fetch("/api/v1/auth/me", { headers: { cookie } });
  expect(await me.json()).toMatchObject({ principalId: served.opened.identity.ownerId, role: "owner" });
});
