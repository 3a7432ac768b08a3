// The steps that every walk through the console takes.
import type { Locator, Page } from "playwright-core";
import type { Up } from "../cli/muster.ts";

export const turnStatus = (page: Page, status: string): Locator =>
  page.locator(`[data-testid=turn-status][data-status=${status}]`);
export const connection = (page: Page, status: string): Locator =>
  page.locator(`[data-testid=connection-state][data-status=${status}]`);

export async function logIn(page: Page, { ready }: Up): Promise<void> {
  await page.goto(ready.loginUrl);
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
}

export async function send(page: Page, text: string): Promise<void> {
  await page.getByTestId("composer-input").fill(text);
  await page.getByTestId("composer-send").click();
}
