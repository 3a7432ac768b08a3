// Machines in the console: one that joins while it is watched, one that is detached, attached and revoked, and five hundred.
import { generateKeyPairSync, sign } from "node:crypto";
import { createClient } from "@muster/client";
import { type JoiningNode, joinSigningInput, type NodeId, type NodeSummary } from "@muster/contracts";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { makeThread, type Up, until } from "../cli/muster.ts";
import { DESKTOP, openPage, stickingOut, violations, type Watched } from "./browser.ts";
import { logIn } from "./page.ts";
import { setStage } from "./stage.ts";

const stage = setStage();

async function openFleet(up: Up): Promise<Watched> {
  const watched = await openPage(stage.browser, DESKTOP, { origin: up.ready.url });
  await logIn(watched.page, up);
  await watched.page.goto(`${up.ready.url}/machines`);
  await watched.page.getByTestId("machine-row").first().waitFor();
  expect(watched.page.url()).toBe(`${up.ready.url}/fleet`);
  return watched;
}

/** A machine as it comes along with an invite, with a key of its own. */
function joiningNode(token: string, hostname: string): JoiningNode {
  const nodeId = `node-${hostname}` as NodeId;
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    nodeId,
    publicKey: Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64"),
    signature: sign(null, Buffer.from(joinSigningInput({ token, nodeId })), privateKey).toString("base64"),
    clientVersion: "0.1.0",
    capabilities: { hostname },
  };
}

const focused = (page: Page): Promise<unknown> =>
  page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent");

test("NOD-3 the dialog that adds a machine says the moment that the machine has joined", async () => {
  const up = await stage.place.up();
  const { page, complaints } = await openFleet(up);
  await page.getByRole("button", { name: "Add a machine" }).click();
  await page.getByRole("button", { name: "Make the link" }).click();
  const line = (await page.getByTestId("copy-line").textContent()) ?? "";
  expect(line).toMatch(/^muster join "http.*\/join#token=[\w-]{43}"$/);
  await page.getByTestId("join-watch").getByText("Waiting for the machine…").waitFor();
  await page.getByText("so this link works nowhere else").waitFor();
  expect(await violations(page)).toEqual([]);
  const token = line.match(/#token=([\w-]+)/)?.[1] ?? "";
  await up.client.api.invites.redeem({ token, displayName: "Grace", node: joiningNode(token, "attic") });
  await page.getByTestId("join-watch").getByText("attic has joined.").waitFor();
  await page.getByRole("button", { name: "Done", exact: true }).click();
  const row = page.getByTestId("machine-row").filter({ hasText: "attic" });
  await row.getByText("Grace").waitFor();
  await row.getByTestId("machine-slot").getByText("Joining").waitFor();
  await expect.poll(() => focused(page)).toBe("Add a machine");
  expect(complaints).toEqual([]);
});

test("NOD-16 a machine is detached and attached again by its owner, and revoked for good; its thread says so", async () => {
  const up = await stage.place.up();
  await makeThread(up.client, stage.place.repository("shop"));
  const { page, complaints } = await openFleet(up);
  const row = page.getByTestId("machine-row");
  const menu = row.getByRole("button", { name: /What can be done with/ });
  await row.getByTestId("machine-slot").getByText("Attached").waitFor();

  await menu.click();
  await page.getByRole("menuitem", { name: "Detach" }).click();
  await page.getByTestId("confirm").getByRole("button", { name: "Cancel" }).click();
  await page.getByTestId("confirm").waitFor({ state: "detached" });
  await expect.poll(() => focused(page)).toContain("What can be done with");
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Detach" }).click();
  await page.getByTestId("confirm").getByRole("button", { name: "Detach" }).click();
  await row.getByTestId("machine-slot").getByText("Detached").waitFor();
  // The slot ended; the machine lives on.
  await row.getByTestId("machine-health").getByText("Online").waitFor();
  await row.getByTestId("machine-mark").getByText("It gave its slot back").waitFor();

  await menu.click();
  await page.getByRole("menuitem", { name: "Attach again" }).click();
  await row.getByTestId("machine-slot").getByText("Attached").waitFor();
  expect(await row.getByTestId("machine-mark").count()).toBe(0);

  await menu.click();
  await page.getByRole("menuitem", { name: "Revoke for good" }).click();
  await page.getByTestId("confirm").getByText("for good").first().waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByTestId("confirm").getByRole("button", { name: "Revoke for good" }).click();
  await row.getByTestId("machine-slot").getByText("Revoked").waitFor();
  await page.getByTestId("thread-item").click();
  await page.getByTestId("thread-mark").getByText("revoked").waitFor();
  await page.getByTestId("obstacle").getByText("It can't come back.").waitFor();
  expect(await page.getByTestId("composer-input").isDisabled()).toBe(true);
  expect(complaints).toEqual([]);
});

test("NOD-11 a machine below the floor says so with the floor, and its thread asks for nothing until it may", async () => {
  const up = await stage.place.up();
  await makeThread(up.client, stage.place.repository("shop"));
  const { defaultSessionId: sessionId } = await up.client.api.auth.me();
  const { page, complaints } = await openFleet(up);
  const mark = page.getByTestId("machine-mark");
  await up.client.api.sessions.setFloor({ sessionId, minClientVersion: "99.1" });
  await mark.getByText("below 99.1").waitFor();
  // It stays attached and alive.
  await page.getByTestId("machine-slot").getByText("Attached").waitFor();
  await page.getByTestId("machine-health").getByText("Online").waitFor();
  await page.getByTestId("thread-item").click();
  await page.getByTestId("thread-mark").getByText("read only").waitFor();
  await page.getByTestId("obstacle").getByText("Upgrade Muster there").waitFor();
  expect(await page.getByTestId("composer-input").isDisabled()).toBe(true);
  await up.client.api.sessions.setFloor({ sessionId, minClientVersion: null, lower: true });
  await expect.poll(() => page.getByTestId("composer-input").isEnabled()).toBe(true);
  expect(await page.getByTestId("obstacle").count()).toBe(0);
  expect(complaints).toEqual([]);
});

test("NOD-13 a machine that its owner's sessions do not show is found, taken back and lent to another session", async () => {
  const up = await stage.place.up();
  const { defaultSessionId: sessionId } = await up.client.api.auth.me();
  const { joinUrl } = await up.client.api.invites.create({ sessionId, role: "owner", expiresInHours: 1 });
  const token = joinUrl.match(/#token=([\w-]+)/)?.[1] ?? "";
  const joined = await up.client.api.invites.redeem({ token, displayName: "Ada", node: joiningNode(token, "attic") });
  const ada = createClient({ baseUrl: up.ready.url, token: joined.token ?? "" });
  const workshop = await ada.api.sessions.create({ title: "Workshop" });
  const { loginUrl } = await ada.api.auth.createLoginLink();
  const { page, complaints } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url, expected: [/40[134]/] });
  await page.goto(loginUrl);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  await ada.api.sessions.leave({ sessionId });
  await page.getByRole("link", { name: "Fleet" }).click();
  const idle = page.getByTestId("idle-machine");
  await idle.getByText("in a session that you are not in any more").waitFor();

  await idle.getByRole("button", { name: "Detach attic" }).click();
  await page.getByTestId("confirm").getByRole("button", { name: "Detach" }).click();
  await page.getByTestId("confirm").waitFor({ state: "detached" });
  await idle.getByText("nothing is given to it").waitFor();
  expect(await violations(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  // The page hears of its new width a moment later.
  await expect.poll(() => stickingOut(page)).toEqual([]);

  await idle.getByRole("button", { name: "attic", exact: true }).focus();
  await page.keyboard.press("Tab");
  await expect.poll(() => focused(page)).toBe("Attach attic");
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "To “Workshop”" }).click();
  const row = page.getByTestId("machine-row").filter({ hasText: "attic" });
  await row.getByTestId("machine-slot").getByText("Joining").waitFor();
  expect(await idle.count()).toBe(0);
  await expect.poll(() => focused(page)).toBe("attic");
  expect((await ada.api.nodes.list()).nodes).toMatchObject([{ sessionId: workshop.sessionId }]);
  expect(complaints).toEqual([]);
});

test("NOD-20 five hundred machines are searched and walked by keyboard with only what is seen in the document", async () => {
  const up = await stage.place.up();
  const [node] = await until("the machine", async () => {
    const { nodes } = await up.client.api.nodes.list();
    return nodes.length > 0 && nodes;
  });
  if (node === undefined) throw new Error("no machine");
  const nodes = Array.from({ length: 500 }, (_, index): NodeSummary => {
    const capabilities = { ...node.capabilities, hostname: `build-${index}` };
    return { ...node, nodeId: `node-${index}` as NodeSummary["nodeId"], capabilities };
  });
  const { page, complaints } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url });
  await page.route("**/api/v1/nodes", (route) => route.fulfill({ json: { nodes } }));
  await logIn(page, up);
  await page.getByRole("link", { name: "Fleet" }).click();
  await page.getByText("All 500").waitFor();
  const first = page.getByRole("button", { name: "build-0", exact: true });
  await first.focus();
  expect(await page.getByTestId("machine-row").count()).toBeLessThan(40);
  for (let step = 0; step < 12; step += 1) await page.keyboard.press("ArrowDown");
  await expect.poll(() => focused(page)).toBe("build-12");
  await page.keyboard.press("End");
  await expect.poll(() => focused(page)).toBe("build-499");
  expect(await page.getByTestId("machine-row").count()).toBeLessThan(40);
  await page.keyboard.press("/");
  await expect.poll(() => focused(page)).toBe("Search machines");
  await page.keyboard.type("build-377");
  await page.getByRole("button", { name: "build-377", exact: true }).waitFor();
  await expect.poll(() => page.getByTestId("machine-row").count()).toBe(1);
  expect(complaints).toEqual([]);
});
