// The console in a real browser, on a real hub with a real daemon and an agent that speaks the real protocol.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ThreadId } from "@muster/contracts";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { makeThread, readThread, settledTurn, startTurn, type Up, until } from "../cli/muster.ts";
import { DESKTOP, openPage } from "./browser.ts";
import { connection, logIn, send, turnStatus } from "./page.ts";
import { setStage } from "./stage.ts";

/** Said slowly enough to be seen coming. */
const SLOWLY = { MUSTER_SAMPLE_DELAY_MS: "40" };
const CUT_CONNECTION = [
  /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_NETWORK/,
];

const stage = setStage(SLOWLY);

/** From now on writes down what streaming messages show, each time that changes. A string, because tests know no document. */
const watchStreaming = (page: Page): Promise<unknown> =>
  page.evaluate(`
    globalThis.streamed = [];
    new MutationObserver(() => {
      for (const message of document.querySelectorAll("[data-testid=message-assistant][data-streaming=true]")) streamed.push(message.innerText);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  `);

/** True when a message was seen growing, with something of it there before the rest. */
async function wasSeenGrowing(page: Page, final: string): Promise<boolean> {
  const seen = (await page.evaluate("globalThis.streamed")) as string[];
  return seen.some((text) => text.trim() !== "" && text.trim().length < final.length && final.startsWith(text.trim()));
}

describe("the console", () => {
  test("takes a person from the login link through a turn, an approval, its diff, an interrupt and the machines", async () => {
    const up = await stage.place.up();
    const folder = stage.place.repository("checkout-service");
    const { page, context, complaints } = await openPage(
      stage.browser,
      { ...DESKTOP, colorScheme: "dark" },
      { origin: up.ready.url },
    );

    await logIn(page, up);
    expect(page.url()).toBe(`${up.ready.url}/`);
    expect((await context.cookies()).map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite }))).toEqual([
      { httpOnly: true, sameSite: "Strict" },
    ]);

    // There is no project yet: the page says how to add one.
    await page.getByLabel("Folder").fill(folder);
    await page.getByRole("button", { name: "Add project" }).click();
    await page.getByRole("heading", { name: "Start your first thread" }).waitFor();

    await page.getByTestId("new-thread").click();
    await page.getByRole("textbox", { name: "Title", exact: true }).fill("Notes for newcomers");
    await page.getByRole("button", { name: "Start thread" }).click();
    await page.getByTestId("thread-item").filter({ hasText: "Notes for newcomers" }).waitFor();
    await page.getByRole("heading", { name: "What should be done?" }).waitFor();

    // A turn: the text comes while it is said, and the question stops it.
    await watchStreaming(page);
    await send(page, "Write down what this service is, so that a newcomer finds their way.");
    await page.getByTestId("message-user").waitFor();
    await page.getByTestId("approval-card").waitFor();
    await page.getByTestId("thread-item").getByText("1 waiting for an answer").waitFor();
    await page.getByTestId("timeline").getByText("Waits for your answer").waitFor();
    expect(existsSync(join(folder, "NOTES.md"))).toBe(false);
    const [whole = ""] = await page.getByTestId("message-assistant").allInnerTexts();
    expect(await wasSeenGrowing(page, whole.trim())).toBe(true);

    await page.getByTestId("approve-accept").click();
    await turnStatus(page, "completed").waitFor();
    await page.getByTestId("approval-card").waitFor({ state: "detached" });
    expect(existsSync(join(folder, "NOTES.md"))).toBe(true);
    await page.getByTestId("timeline").getByText("Allowed", { exact: true }).waitFor();

    // What it changed.
    await page.getByTestId("diff-card").getByText("1 file changed").waitFor();
    await page.getByTestId("diff-file").filter({ hasText: "NOTES.md" }).click();
    await page.getByTestId("diff-view").getByText("README: checkout-service").waitFor();
    await page.getByRole("button", { name: "Close the diff" }).click();
    await page.getByTestId("diff-view").waitFor({ state: "detached" });

    // A second turn hangs; a third waits behind it; the second is stopped, the third runs.
    await send(page, "hang");
    await page.getByTestId("interrupt").waitFor();
    await send(page, "say I waited for my turn.");
    await page.getByTestId("queued-turn").filter({ hasText: "I waited" }).waitFor();
    await page.getByTestId("interrupt").click();
    await turnStatus(page, "interrupted").waitFor();
    await page.getByTestId("message-assistant").getByText("I waited for my turn.").waitFor();
    await page.getByTestId("queued-turn").waitFor({ state: "detached" });

    // A third one fails, and the page says why and what to do.
    await turnStatus(page, "completed").nth(1).waitFor();
    await send(page, "die with there is no disk left");
    await turnStatus(page, "error").getByText("there is no disk left").waitFor();
    await turnStatus(page, "error").getByText("Start another turn").waitFor();

    // One that was stopped is gone on with by a click: its own request once more, with a word on why.
    await send(page, "hang");
    await page.getByTestId("interrupt").click();
    await turnStatus(page, "interrupted").nth(1).getByRole("button", { name: "Continue" }).click();
    await page.getByTestId("message-user").getByText("You were interrupted").waitFor();
    await page.getByTestId("interrupt").click();
    await turnStatus(page, "interrupted").nth(2).waitFor();

    await page.getByRole("link", { name: "Fleet" }).click();
    const machine = page.getByTestId("fleet-page").getByTestId("machine-row");
    await machine.getByTestId("machine-health").getByText("Online").waitFor();
    await machine.getByText(/last heartbeat (just now|\d+ s ago)/).waitFor();
    await machine.getByText("Sample agent").waitFor();
    expect(complaints).toEqual([]);
  });

  test("EXP-7 says within five seconds that the hub is gone, and goes on without a reload and without missing anything", async () => {
    const up = await stage.place.up();
    const port = new URL(up.ready.url).port;
    const threadId = await makeThread(up.client, stage.place.repository("shop"));
    const { page, complaints } = await openPage(stage.browser, DESKTOP, {
      origin: up.ready.url,
      expected: CUT_CONNECTION,
    });
    await logIn(page, up);
    await page.getByTestId("thread-item").click();
    await connection(page, "live").waitFor();
    await page.evaluate(() => Object.assign(globalThis, { isTheSamePage: true }));

    // Killed in the middle of what the agent says.
    const killed = await startTurn(up.client, threadId, "say One, two, three, four.\nread README.md\nhang");
    await page.getByTestId("message-assistant").getByText("One, two, three, four.").waitFor();
    await page.getByTestId("message-assistant").getByText("README.md has").waitFor();
    up.child.kill("SIGKILL");
    await connection(page, "reconnecting").waitFor({ timeout: 5_000 });
    await page.getByTestId("connection-state").getByText("Reconnecting…").waitFor();
    await up.finished;

    const again = await stage.place.up("--port", port);
    expect(again.ready.url).toBe(up.ready.url);
    await connection(page, "live").waitFor();
    await settledTurn(again.client, threadId, killed);
    await turnStatus(page, "interrupted").getByText("Interrupted by a restart").waitFor();

    // Work goes on in the same page.
    const next = await startTurn(again.client, threadId, "say Five, six.");
    await settledTurn(again.client, threadId, next);
    await page.getByTestId("message-assistant").getByText("Five, six.").waitFor();
    expect(await page.evaluate(() => "isTheSamePage" in globalThis)).toBe(true);
    await expectWholeThread(page, again, threadId);
    expect(complaints).toEqual([]);
  });

  test("shows the live health of machines again once a killed hub is back", async () => {
    const up = await stage.place.up();
    const { page } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url, expected: CUT_CONNECTION });
    await logIn(page, up);
    await page.getByRole("link", { name: "Fleet" }).click();
    await page.locator("[data-testid=machine-row][data-health=online]").waitFor();
    up.child.kill("SIGKILL");
    await connection(page, "reconnecting").waitFor({ timeout: 5_000 });
    await up.finished;
    await stage.place.up("--port", new URL(up.ready.url).port);
    await connection(page, "live").waitFor();
    await page.locator("[data-testid=machine-row][data-health=online]").waitFor();
  });

  test("shows what going back would touch, goes back, and says what became of each file", async () => {
    const up = await stage.place.up();
    const folder = stage.place.repository("shop");
    const threadId = await makeThread(up.client, folder);
    for (const text of ["edit one.txt: first", "edit one.txt: second\nedit two.txt: new"]) {
      await settledTurn(up.client, threadId, await startTurn(up.client, threadId, text));
    }
    const { page, complaints } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url });
    await logIn(page, up);
    await page.getByTestId("thread-item").click();
    await page.getByTestId("diff-card").last().getByTestId("undo-turn").click();
    const preview = page.getByTestId("revert-preview");
    await preview.getByText("The conversation forgets turn 2").waitFor();
    expect(await preview.getByRole("listitem").allInnerTexts()).toEqual(["one.txt", "two.txt"]);
    await page.getByTestId("revert-confirm").click();
    const outcome = page.getByTestId("revert-outcome");
    await outcome.getByText("The files are back as they were.").waitFor();
    await outcome.getByRole("listitem").filter({ hasText: "one.txt" }).getByText("restored").waitFor();
    await outcome.getByRole("listitem").filter({ hasText: "two.txt" }).getByText("deleted").waitFor();
    expect(readFileSync(join(folder, "one.txt"), "utf8")).toBe("first");
    expect(existsSync(join(folder, "two.txt"))).toBe(false);
    await outcome.getByRole("button", { name: "Close" }).click();
    await expect.poll(() => page.getByTestId("diff-card").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("answers an approval by keyboard, and declines what was asked", async () => {
    const up = await stage.place.up();
    const folder = stage.place.repository("shop");
    const { page, complaints } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url });
    await logIn(page, up);
    await page.getByLabel("Folder").fill(folder);
    await page.getByRole("button", { name: "Add project" }).click();
    await page.getByRole("button", { name: "New thread", exact: true }).last().click();
    await page.getByRole("button", { name: "Start thread" }).click();
    await page.getByTestId("composer-input").fill("edit secret.txt: no");
    await page.keyboard.press("Enter");
    await page.getByTestId("approval-card").waitFor();
    // From the composer to the question, and its key.
    await page.keyboard.press("Escape");
    await page.keyboard.press("d");
    await page.getByTestId("timeline").getByText("Declined", { exact: true }).waitFor();
    await turnStatus(page, "completed").waitFor();
    expect(existsSync(join(folder, "secret.txt"))).toBe(false);
    expect(await page.getByTestId("diff-card").count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});

/** The page shows what the hub has stored: every message, none twice. */
async function expectWholeThread(page: Page, { client }: Up, threadId: ThreadId): Promise<void> {
  const thread = await readThread(client, threadId);
  const stored = thread.messages
    .filter(({ role, text }) => role === "assistant" && text !== "")
    .map(({ text }) => text);
  let shown: string[] = [];
  await until("the page to show what is stored", async () => {
    shown = (await page.getByTestId("message-assistant").allInnerTexts()).map((text) => text.trim());
    return JSON.stringify(shown) === JSON.stringify(stored);
  }).catch(() => expect(shown).toEqual(stored));
}

test("EXP-7 a notification of the browser tells of a question that came up while the person looked elsewhere", async () => {
  const up = await stage.place.up();
  const threadId = await makeThread(up.client, stage.place.repository("shop"));
  await up.client.dispatch({ type: "thread.meta.update", threadId, runtimeMode: "approval-required" });
  const { page, context, complaints } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url });
  await context.grantPermissions(["notifications"], { origin: up.ready.url });
  // What the system would show is written down instead; whether the tab is seen is told by the test.
  await page.addInitScript(`
    globalThis.shown = [];
    globalThis.Notification = class { static permission = "granted"; constructor(title, options) { shown.push(title + ": " + options.body); } };
    Object.defineProperty(document, "visibilityState", { get: () => globalThis.isAway ? "hidden" : "visible" });
  `);
  await logIn(page, up);
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Notify me" }).click();
  await page.getByRole("menuitem", { name: "Notify me" }).getByLabel("on").waitFor();
  await page.evaluate("globalThis.isAway = true");
  await startTurn(up.client, threadId, "edit one.txt: one");
  await expect.poll(() => page.evaluate("globalThis.shown")).toEqual(["Test: Waits for your answer"]);
  expect(complaints).toEqual([]);
});
