// The pictures of the documentation: made where there is none, or anew with MUSTER_PICTURES=1, and never large.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { MusterClient } from "@muster/client";
import type { ProjectId, ThreadId } from "@muster/contracts";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureBundle } from "../../scripts/bootstrap/bundle.mjs";
import { Place, repository, startTurn, until } from "../cli/muster.ts";
import { DESKTOP, launch, openPage, PHONE } from "./browser.ts";

const PICTURES = { desktop: "console-thread.png", phone: "console-phone.png" };
const MAX_BYTES = 300_000;
const pathOf = (name: string): string => join(repository, "docs/images", name);
const isWanted =
  process.env["MUSTER_PICTURES"] === "1" || !Object.values(PICTURES).every((name) => existsSync(pathOf(name)));

let browser: Browser | undefined;
const place = new Place();
beforeAll(async () => {
  if (!isWanted) return;
  await ensureBundle(repository, process.execPath);
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await place.clear();
});

/** A small fleet at work, in which every state is seen. */
async function fleet(client: MusterClient): Promise<ThreadId> {
  const [me, node] = await Promise.all([
    client.api.auth.me(),
    until("the machine", async () => (await client.api.nodes.list()).nodes.find(({ health }) => health === "online")),
  ]);
  const project = async (title: string): Promise<ProjectId> => {
    const projectId = client.ids.next() as ProjectId;
    await client.dispatch({
      type: "project.create",
      projectId,
      sessionId: me.defaultSessionId,
      nodeId: node.nodeId,
      title,
      workspaceRoot: place.repository(title),
    });
    return projectId;
  };
  const thread = async (projectId: ProjectId, title: string): Promise<ThreadId> => {
    const threadId = client.ids.next() as ThreadId;
    await client.dispatch({
      type: "thread.create",
      threadId,
      projectId,
      title,
      provider: "sample",
      branch: null,
      worktreePath: null,
      runtimeMode: "approval-required",
    });
    return threadId;
  };
  const docs = await project("docs");
  const checkout = await project("checkout-service");
  await startTurn(client, await thread(docs, "Rewrite the quick start"), "say Done.");
  await startTurn(
    client,
    await thread(checkout, "Why is the nightly build slow?"),
    "die with the registry does not answer",
  );
  await startTurn(client, await thread(checkout, "Upgrade to Node 24"), "hang");
  return thread(checkout, "Notes for newcomers");
}

async function take(page: Page, name: string): Promise<void> {
  await page.getByTestId("timeline").getByText("Waits for your answer").waitFor();
  await page.mouse.move(0, 0);
  await page.screenshot({ path: pathOf(name), animations: "disabled", caret: "hide" });
}

test("the documentation has its pictures of the console, small enough for a README", async () => {
  if (browser !== undefined) {
    const up = await place.up();
    const threadId = await fleet(up.client);
    const desktop = await openPage(
      browser,
      { ...DESKTOP, viewport: { width: 1360, height: 1040 }, colorScheme: "dark" },
      { origin: up.ready.url },
    );
    await desktop.page.goto(up.ready.loginUrl);
    await desktop.page.getByTestId("thread-item").filter({ hasText: "Notes for newcomers" }).click();
    await startTurn(up.client, threadId, "Write down what this service is, so that a newcomer finds their way.");
    await desktop.page.getByTestId("approve-accept").click();
    await desktop.page.locator("[data-testid=turn-status][data-status=completed]").waitFor();
    await startTurn(up.client, threadId, "Good. Now say how to run its tests, too.");
    await desktop.page.getByTestId("approval-card").waitFor();
    await take(desktop.page, PICTURES.desktop);
    const phone = await desktop.context.storageState();
    const { page } = await openPage(
      browser,
      { ...PHONE, colorScheme: "light", storageState: phone },
      { origin: up.ready.url },
    );
    await page.goto(`${up.ready.url}/threads/${threadId}`);
    await page.getByTestId("approval-card").waitFor();
    await take(page, PICTURES.phone);
  }
  for (const name of Object.values(PICTURES)) expect(statSync(pathOf(name)).size).toBeLessThan(MAX_BYTES);
});
