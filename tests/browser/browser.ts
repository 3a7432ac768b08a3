// Chromium as the tests drive it: a fresh profile each time, nothing that phones home, and a record of every complaint a
// page makes, because a page that works but complains is not done.
import AxeBuilder from "@axe-core/playwright";
import { PATIENCE_MS } from "@muster/core/testing";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
];

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });

export const DESKTOP: BrowserContextOptions = { viewport: { width: 1360, height: 860 }, deviceScaleFactor: 1 };
export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 1,
  isMobile: true,
  hasTouch: true,
};

export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Faults of scripts, errors and warnings in the console, requests to anywhere but the hub. */
  readonly complaints: string[];
}

/** A page whose complaints are kept. `expected` are texts of complaints that belong to the test. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions,
  { origin, expected = [] }: { origin: string; expected?: readonly RegExp[] },
): Promise<Watched> {
  const context = await browser.newContext({ ...options, reducedMotion: "reduce" });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  const complain = (text: string): void => {
    if (!expected.some((pattern) => pattern.test(text))) complaints.push(text);
  };
  page.on("pageerror", (error) => complain(`fault: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complain(`${message.type()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) complain(`request to ${request.url()}`);
  });
  return { page, context, complaints };
}

/** Serious and critical violations of the WCAG 2.2 AA rules, as sentences. */
export async function violations(page: Page): Promise<string[]> {
  const result = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])
    .analyze();
  return result.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map((node) => `${node.target.join(" ")} (${node.failureSummary ?? ""})`).join("; ")}`,
    );
}

/** What makes the page wider than its window. A string, because tests know no document. */
export const stickingOut = (page: Page): Promise<string[]> =>
  page.evaluate(
    `[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && document.documentElement.scrollWidth > innerWidth).map((e) => e.className)`,
  );
