// What is set up rarely: tokens and logins, the audit log, a session of one's own and its version floor; and that each of
// these pages may be used by everyone.
import { createClient } from "@muster/client";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { DESKTOP, openPage, PHONE, violations } from "./browser.ts";
import { logIn } from "./page.ts";
import { setStage } from "./stage.ts";

const stage = setStage();

const token = (page: Page, name: string) => page.getByTestId("token").filter({ hasText: name });

/** What the page asks from now on below this part of a path. */
function questionsAbout(page: Page, part: string): readonly string[] {
  const asked: string[] = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.includes(part)) asked.push(`${request.method()} ${pathname.split(part)[1]}`);
  });
  return asked;
}

test("EXP-11 a token is made with a scope, shown once, good until it is revoked, and on record; who ends their own login is led out and back", async () => {
  const up = await stage.place.up();
  const { page, complaints } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url });
  await logIn(page, up);
  await page.getByRole("link", { name: "Settings" }).click();
  await token(page, "Browser login").getByText("This browser").waitFor();
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("What it is for").fill("nightly build");
  await page.getByRole("radio", { name: "Reads", exact: true }).check();
  await page.getByRole("button", { name: "Make the token" }).click();
  const secret = (await page.getByTestId("token-secret").getByTestId("copy-line").textContent()) ?? "";
  await page.getByRole("button", { name: "Done", exact: true }).click();
  await page.getByTestId("token-secret").waitFor({ state: "detached" });
  expect(await page.content()).not.toContain(secret);
  const { api } = createClient({ baseUrl: up.ready.url, token: secret });
  await api.sessions.list();
  await expect(api.sessions.create({ title: "No" })).rejects.toMatchObject({ code: "permission_denied" });

  await page.getByRole("button", { name: "Revoke nightly build" }).click();
  await page.getByTestId("confirm").getByRole("button", { name: "Revoke the token" }).click();
  await token(page, "nightly build").waitFor({ state: "detached" });
  await expect(api.sessions.list()).rejects.toMatchObject({ code: "unauthenticated" });

  // More than a page of them: the older ones come when they are asked for.
  await Promise.all(Array.from({ length: 52 }, () => up.client.api.auth.createLoginLink()));
  await page.getByRole("link", { name: "Audit log" }).click();
  await expect.poll(() => page.getByTestId("audit-entry").count()).toBe(50);
  await page.getByRole("button", { name: "Show older ones" }).click();
  await page.locator("[data-action='token.revoked']").getByText("revoked a token").waitFor();
  await page.locator("[data-action='space.created']").waitFor();
  expect(complaints).toEqual([]);

  // Who ends the login of this very browser is led out with nothing asked behind it, and the next login leads back.
  await page.goto(`${up.ready.url}/settings`);
  await token(page, "Browser login").getByRole("button", { name: "End the login" }).click();
  const asked = questionsAbout(page, "/api/v1");
  // The hub's answer is late: whatever still asked by then would be told that nobody is logged in.
  await page.route("**/auth/logout", async (route) => {
    const response = await route.fetch();
    await Promise.race([page.getByRole("status", { name: "Loading" }).waitFor(), page.waitForRequest(/orchestration/)]);
    await route.fulfill({ response });
  });
  await page.getByTestId("confirm").getByRole("button", { name: "End the login" }).click();
  await page.getByTestId("login-page").waitFor();
  expect(asked.slice(asked.indexOf("POST /auth/logout"))).toEqual(["POST /auth/logout"]);
  expect(complaints).toEqual([]);
  // A second tab waits as well; it goes on by itself once the first has logged in.
  const second = await page.context().newPage();
  await second.goto(`${up.ready.url}/sessions`);
  await second.getByTestId("login-page").waitFor();
  await page.goto((await up.client.api.auth.createLoginLink()).loginUrl);
  await page.getByTestId("settings-page").waitFor();
  expect(page.url()).toBe(`${up.ready.url}/settings`);
  await second.getByTestId("sessions-page").waitFor();
  expect(complaints).toEqual([]);
});

test("NOD-12 a session's floor is raised in one step, and lowered only after a question", async () => {
  const up = await stage.place.up();
  const { page, complaints } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url });
  await logIn(page, up);
  await page.getByRole("link", { name: "Sessions" }).click();
  await page.getByRole("button", { name: "New session" }).click();
  await page.getByLabel("Title", { exact: true }).fill("Apollo");
  await page.getByRole("button", { name: "Open the session" }).click();
  await page.getByRole("heading", { name: "Apollo", level: 1 }).waitFor();

  const floor = page.getByTestId("floor");
  const set = async (version: string): Promise<void> => {
    await floor.getByLabel("Version floor").fill(version);
    await floor.getByRole("button", { name: "Set" }).click();
  };
  await set("1.x");
  await floor.getByText("Such as 1.4").waitFor();
  await set("1.10");
  await floor.getByText("Muster 1.10 or newer").waitFor();
  await set("1.9");
  await page.getByTestId("confirm").getByRole("button", { name: "Cancel" }).click();
  await page.getByTestId("confirm").waitFor({ state: "detached" });
  await floor.getByText("Muster 1.10 or newer").waitFor();
  await set("");
  await page.getByTestId("confirm").getByRole("button", { name: "Clear the floor" }).click();
  await floor.getByText("Every version").waitFor();

  await page.getByRole("button", { name: "What can be done with this session" }).click();
  await page.getByRole("menuitem", { name: "Archive" }).click();
  await page.getByTestId("confirm").getByRole("button", { name: "Archive" }).click();
  await page.getByText("Archived", { exact: true }).waitFor();
  expect(await page.getByRole("button", { name: "Invite someone" }).count()).toBe(0);
  await page.getByRole("button", { name: "What can be done with this session" }).click();
  await page.getByRole("menuitem", { name: "Close for good" }).click();
  const askedOfIt = questionsAbout(page, new URL(page.url()).pathname.split("/").at(-1) ?? "");
  await page.getByTestId("confirm").getByRole("button", { name: "Close for good" }).click();
  await page.getByTestId("sessions-page").waitFor();
  await expect.poll(() => page.getByTestId("session-line").count()).toBe(1);
  // Once it is asked to be closed, nothing more is asked about it: each answer would be that there is none.
  expect(askedOfIt.slice(askedOfIt.indexOf("POST "))).toEqual(["POST "]);
  expect(complaints).toEqual([]);
});

test.each([
  ["light", DESKTOP],
  ["dark", PHONE],
] as const)(
  "EXP-7 the pages of fleet, sessions and settings have no serious violation (%s)",
  async (colorScheme, size) => {
    const up = await stage.place.up();
    const { sessionId } = (await up.client.api.sessions.list()).sessions[0] ?? {};
    if (sessionId === undefined) throw new Error("no session");
    await up.client.api.invites.create({ sessionId });
    const { page, complaints } = await openPage(stage.browser, { ...size, colorScheme }, { origin: up.ready.url });
    await logIn(page, up);
    const pages = [
      ["/fleet", "machine-row"],
      ["/sessions", "session-line"],
      [`/sessions/${sessionId}`, "invite"],
      ["/settings", "token"],
      ["/settings/audit", "audit-entry"],
    ] as const;
    for (const [path, testId] of pages) {
      await page.goto(`${up.ready.url}${path}`);
      await page.getByTestId(testId).first().waitFor();
      expect(await violations(page), path).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path).toBe(true);
    }
    expect(complaints).toEqual([]);
  },
);
