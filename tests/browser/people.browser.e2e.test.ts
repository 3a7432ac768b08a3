// Several people at one hub, each in a browser of their own: the way in by an invite, and what changes for someone whose
// role or membership another changes, without a reload.
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { makeThread, type Up } from "../cli/muster.ts";
import { DESKTOP, openPage, PHONE, violations, type Watched } from "./browser.ts";
import { logIn } from "./page.ts";
import { setStage } from "./stage.ts";

/** Whoever is not logged in yet, or refused, is told so by the hub, and the browser notes it. */
const REFUSED = [/status of 40[1349]/];
/** Less than the time after which a page asks again by itself, so that it was the feed that told it. */
const TOLD_WITHIN_MS = 15_000;

const stage = setStage();

const open = (up: Up, options = DESKTOP): Promise<Watched> =>
  openPage(stage.browser, options, { origin: up.ready.url, expected: REFUSED });

async function openSession(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Sessions" }).click();
  await page.getByTestId("session-line").click();
  await page.getByTestId("session-page").waitFor();
}

const member = (page: Page, name: string) => page.getByTestId("member").filter({ hasText: name });

/** Opens the dialog on the session's page, makes the link and leaves it open. */
async function makeLink(page: Page, role: string): Promise<string> {
  await page.getByRole("button", { name: "Invite someone" }).click();
  await page.getByRole("radio", { name: role, exact: true }).check();
  await page.getByRole("button", { name: "Make the link" }).click();
  return page
    .getByTestId("invite-link")
    .getByTestId("copy-line")
    .first()
    .textContent()
    .then((text) => text ?? "");
}

async function join(page: Page, link: string, name: string): Promise<void> {
  await page.goto(link);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Join in this browser" }).click();
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
}

test("NOD-3 an invite made in the console lets a second browser in, once, and its token leaves the address at once", async () => {
  const up = await stage.place.up();
  const owner = await open(up);
  await logIn(owner.page, up);
  await openSession(owner.page);
  const link = await makeLink(owner.page, "Collaborator");
  await owner.page.getByTestId("join-watch").getByText("Nobody has used the link yet.").waitFor();

  const guest = await open(up, { ...PHONE, colorScheme: "dark" });
  await guest.page.goto(link);
  await guest.page.getByLabel("Your name").waitFor();
  expect(guest.page.url()).toBe(`${up.ready.url}/join`);
  await guest.page.getByText(`muster join "${link}"`).waitFor();
  expect(await violations(guest.page)).toEqual([]);
  await guest.page.getByLabel("Your name").fill("Grace");
  await guest.page.getByRole("button", { name: "Join in this browser" }).click();
  await guest.page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  expect(guest.page.url()).toBe(`${up.ready.url}/`);

  await owner.page.getByTestId("join-watch").getByText("they have joined").waitFor();
  await owner.page.getByRole("button", { name: "Done", exact: true }).click();
  await owner.page.getByTestId("invite-link").waitFor({ state: "detached" });
  await expect.poll(() => owner.page.evaluate("document.activeElement.textContent")).toBe("Invite someone");
  await member(owner.page, "Grace").waitFor();
  await owner.page.locator("[data-testid=invite][data-state=redeemed]").getByText("by Grace").waitFor();

  // The link is worth nothing any more, and an address without its token says what is missing.
  const late = await open(up);
  await late.page.goto(link);
  await late.page.getByLabel("Your name").fill("Mallory");
  await late.page.getByRole("button", { name: "Join in this browser" }).click();
  await late.page.getByRole("alert").getByText("This invite was used already").waitFor();
  await late.page.goto(`${up.ready.url}/join`);
  await late.page.getByRole("alert").getByText("This address has no invite in it").waitFor();
  await late.page.goto(`${up.ready.url}/join#token=${"A".repeat(43)}`);
  await late.page.getByLabel("Your name").fill("Mallory");
  await late.page.getByRole("button", { name: "Join in this browser" }).click();
  await late.page.getByRole("alert").getByText("This is no invite of this hub").waitFor();
  expect([...owner.complaints, ...guest.complaints, ...late.complaints]).toEqual([]);
});

test("NOD-2 what a member sees follows their role and membership without a reload", async () => {
  const up = await stage.place.up();
  await makeThread(up.client, stage.place.repository("shop"));
  const owner = await open(up);
  await logIn(owner.page, up);
  await openSession(owner.page);
  const link = await makeLink(owner.page, "Collaborator");
  const guest = await open(up);
  await join(guest.page, link, "Grace");
  await owner.page.getByRole("button", { name: "Done", exact: true }).click();
  await guest.page.evaluate(() => Object.assign(globalThis, { isTheSamePage: true }));
  await guest.page.getByTestId("thread-item").click();
  await expect.poll(() => guest.page.getByTestId("composer-input").isEnabled()).toBe(true);

  // A viewer looks, and is asked for nothing.
  const role = owner.page.getByLabel("Role of Grace");
  await role.selectOption({ label: "Viewer" });
  await guest.page.getByTestId("thread-mark").getByText("You may only look").waitFor({ timeout: TOLD_WITHIN_MS });
  expect(await guest.page.getByTestId("composer-input").isDisabled()).toBe(true);
  expect(await guest.page.getByTestId("new-thread").count()).toBe(0);
  await openSession(guest.page);
  await member(guest.page, "Grace").getByText("(you)").waitFor();
  expect(await guest.page.getByLabel("Role of Grace").count()).toBe(0);
  expect(await guest.page.getByRole("button", { name: "Invite someone" }).count()).toBe(0);
  expect(await guest.page.getByRole("region", { name: "Invites" }).count()).toBe(0);
  // The command line is shown for what it is, and offers nothing that the hub would refuse.
  await member(owner.page, "Command line").getByText("the way in for whoever runs the hub").waitFor();
  expect(await member(owner.page, "Command line").getByRole("button").count()).toBe(0);
  expect(await member(owner.page, "Command line").getByRole("combobox").count()).toBe(0);

  // An owner does all of it.
  await expect.poll(() => role.isEnabled()).toBe(true);
  await role.selectOption({ label: "Owner" });
  await guest.page.getByRole("button", { name: "Invite someone" }).waitFor();

  // Suspended, they see nothing; restored, the page goes on by itself.
  await owner.page.getByRole("button", { name: "What can be done with Grace" }).click();
  await owner.page.getByRole("menuitem", { name: "Suspend" }).waitFor();
  expect(await violations(owner.page)).toEqual([]);
  await owner.page.getByRole("menuitem", { name: "Suspend" }).click();
  await owner.page.getByTestId("confirm").getByRole("button", { name: "Suspend" }).click();
  await member(owner.page, "Grace").getByText("Suspended").waitFor();
  await guest.page.getByTestId("no-membership").waitFor();
  await owner.page.getByRole("button", { name: "What can be done with Grace" }).click();
  await owner.page.getByRole("menuitem", { name: "Restore" }).click();
  await guest.page.getByTestId("session-page").waitFor();
  expect(await guest.page.evaluate(() => "isTheSamePage" in globalThis)).toBe(true);

  // What the hub refuses is told in its own words.
  await member(owner.page, "Grace").getByLabel("Role of Grace").selectOption({ label: "Viewer" });
  await member(guest.page, "Grace").and(guest.page.locator("[data-role=viewer]")).waitFor();
  await owner.page.getByRole("button", { name: "What can be done with this session" }).click();
  await owner.page.getByRole("menuitem", { name: "Leave" }).click();
  await owner.page.getByTestId("confirm").getByRole("button", { name: "Leave" }).click();
  await owner.page.getByRole("alert").getByText("The session would be left without an active owner.").waitFor();

  // Whoever belongs to no session still gets out.
  await owner.page.getByRole("button", { name: "What can be done with Grace" }).click();
  await owner.page.getByRole("menuitem", { name: "Suspend" }).click();
  await owner.page.getByTestId("confirm").getByRole("button", { name: "Suspend" }).click();
  await guest.page.getByTestId("no-membership").getByRole("button", { name: "Log out" }).click();
  await guest.page.getByTestId("login-page").waitFor();
  await guest.page.reload();
  await guest.page.getByTestId("login-page").waitFor();
  expect(owner.complaints).toEqual([]);
  expect(guest.complaints).toEqual([]);
});
