import { describe, expect, test } from "vitest";
import { makeThread, settledTurn, startTurn } from "../cli/muster.ts";
import { DESKTOP, openPage, PHONE, stickingOut, violations } from "./browser.ts";
import { logIn, turnStatus } from "./page.ts";
import { setStage } from "./stage.ts";

const stage = setStage();

describe("the way in", () => {
  test("says how to log in, and refuses a link that was used", async () => {
    const up = await stage.place.up();
    const first = await openPage(stage.browser, DESKTOP, { origin: up.ready.url, expected: [/401/] });
    await first.page.goto(up.ready.url);
    await first.page.getByTestId("login-page").getByText("muster login", { exact: true }).waitFor();
    await logIn(first.page, up);
    const second = await openPage(stage.browser, DESKTOP, { origin: up.ready.url, expected: [/401/] });
    await second.page.goto(up.ready.loginUrl);
    await second.page
      .getByTestId("login-page")
      .getByRole("alert")
      .getByText("The login link was used before")
      .waitFor();
    expect(second.page.url()).not.toContain("token");
    // In the browser that used it, the same link simply leads in.
    await first.page.goto(up.ready.loginUrl);
    await first.page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
    // Logged out, the first one is shown the way in again.
    await first.page.getByRole("button", { name: "Account" }).click();
    await first.page.getByRole("menuitem", { name: "Log out" }).click();
    await first.page.getByTestId("login-page").waitFor();
    expect([...first.complaints, ...second.complaints]).toEqual([]);
  });
});

describe("the looks", () => {
  test.each(["light", "dark"] as const)(
    "EXP-7 no page has a serious violation of WCAG 2.2 AA in the %s scheme",
    async (colorScheme) => {
      const up = await stage.place.up();
      const threadId = await makeThread(up.client, stage.place.repository("shop"));
      const whole = await startTurn(
        up.client,
        threadId,
        "plan\nthink Hm.\nsay # Title\\n\\nSome `code`, a [link](https://example.com), and\\n\\n```ts\\nconst one = 1;\\n```\nread README.md\nedit NOTES.md without asking: one\nsay Done.",
      );
      await settledTurn(up.client, threadId, whole);
      const failed = await startTurn(up.client, threadId, "die with no disk");
      await settledTurn(up.client, threadId, failed);
      await up.client.dispatch({ type: "thread.meta.update", threadId, runtimeMode: "approval-required" });
      await startTurn(up.client, threadId, "edit more.md: more");

      const { page } = await openPage(
        stage.browser,
        { ...DESKTOP, colorScheme },
        { origin: up.ready.url, expected: [/401/] },
      );
      await page.goto(up.ready.url);
      await page.getByTestId("login-page").waitFor();
      expect(await violations(page)).toEqual([]);
      await logIn(page, up);
      await page.getByRole("heading", { name: "Needs you" }).waitFor();
      expect(await violations(page)).toEqual([]);
      await page.getByTestId("thread-item").click();
      await page.getByTestId("approval-card").waitFor();
      expect(await violations(page)).toEqual([]);
      await page.getByTestId("timeline").focus();
      await page.keyboard.press("Home");
      await page.getByTestId("plan-card").waitFor();
      expect(await violations(page)).toEqual([]);
      await page.getByTestId("diff-file").first().click();
      await page.getByTestId("diff-view").getByText("one", { exact: true }).waitFor();
      expect(await violations(page)).toEqual([]);
      await page.getByRole("button", { name: "Close the diff" }).click();
      await page.getByTestId("new-thread").click();
      await page.getByRole("button", { name: "Start thread" }).waitFor();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("link", { name: "Fleet" }).click();
      await page.getByTestId("machine-row").waitFor();
      expect(await violations(page)).toEqual([]);
    },
  );

  test("works on a phone of 390 pixels: nothing sticks out, the navigation is behind its button", async () => {
    const up = await stage.place.up();
    const threadId = await makeThread(up.client, stage.place.repository("checkout-service"));
    await up.client.dispatch({
      type: "thread.meta.update",
      threadId,
      runtimeMode: "approval-required",
      title: "Notes for newcomers",
    });
    const { page, complaints } = await openPage(
      stage.browser,
      { ...PHONE, colorScheme: "light" },
      { origin: up.ready.url },
    );
    await logIn(page, up);
    await page.getByRole("button", { name: "Open the navigation" }).tap();
    await page.getByTestId("thread-item").tap();
    await page.getByTestId("composer-input").waitFor();
    await page
      .getByTestId("composer-input")
      .fill("Write down what this service is, so that a newcomer finds their way.");
    await page.getByTestId("composer-send").tap();
    await page.getByTestId("approval-card").waitFor();
    await page.getByTestId("timeline").getByText("Waits for your answer").waitFor();
    expect(await stickingOut(page)).toEqual([]);
    await page.getByTestId("approve-accept").tap();
    await turnStatus(page, "completed").waitFor();
    await page.getByTestId("diff-file").tap();
    await page.getByTestId("diff-view").getByText("README: checkout-service").waitFor();
    expect(await stickingOut(page)).toEqual([]);
    await page.getByRole("button", { name: "Close the diff" }).tap();
    await page.getByRole("button", { name: "Open the navigation" }).tap();
    await page.getByRole("link", { name: "Fleet" }).tap();
    await page.getByTestId("machine-row").waitFor();
    expect(await stickingOut(page)).toEqual([]);
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
