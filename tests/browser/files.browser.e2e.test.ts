// Looking into a machine with a real browser: folders and files of a thread's project, by mouse and by keyboard, on a desk
// and on a phone, and what is said where there is nothing to see.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { beforeEach, expect, test } from "vitest";
import { makeThread, type Up } from "../cli/muster.ts";
import { DESKTOP, openPage, PHONE, stickingOut, violations } from "./browser.ts";
import { logIn } from "./page.ts";
import { setStage } from "./stage.ts";

const stage = setStage();
let up: Up;
let shop: string;
beforeEach(async () => {
  shop = stage.place.repository("shop");
  for (const folder of ["src/cart", "docs", "node_modules/left-pad"])
    mkdirSync(join(shop, folder), { recursive: true });
  const total = Array.from({ length: 40 }, (_, index) => `export const line${index + 1} = ${index + 1};`);
  writeFileSync(join(shop, "src", "cart", "total.ts"), `// The total of a cart.\n${total.join("\n")}\n`);
  writeFileSync(join(shop, "src", "wide.txt"), `${"a long line ".repeat(60)}\n\tshort\n`);
  writeFileSync(join(shop, ".gitignore"), "node_modules/\n");
  writeFileSync(join(shop, "node_modules", "left-pad", "index.js"), "module.exports = 1;\n");
  writeFileSync(join(shop, "logo.bin"), Buffer.from([0x89, 0xff, 0x00]));
  writeFileSync(join(shop, "empty.txt"), "");
  writeFileSync(join(shop, "large.log"), "x".repeat(900_000));
  symlinkSync("/etc", join(shop, "way-out"));
  symlinkSync("src", join(shop, "sources"));
  up = await stage.place.up();
  await makeThread(up.client, shop);
});

const entry = (page: Page, name: string) => page.getByTestId("files-tree").getByRole("treeitem", { name, exact: true });
const picture = async (page: Page, name: string): Promise<void> => {
  const folder = process.env["PICTURES"];
  if (folder !== undefined) await page.screenshot({ path: join(folder, `files-${name}.png`) });
};

test.each(["light", "dark"] as const)(
  "NOD-22 EXP-7 files are found by folder, shown with their lines, and every state says what it is, in the %s scheme",
  async (colorScheme) => {
    const { page, complaints } = await openPage(
      stage.browser,
      { ...DESKTOP, colorScheme, permissions: ["clipboard-read", "clipboard-write"] },
      // What is too large is refused.
      { origin: up.ready.url, expected: [/413/] },
    );
    await logIn(page, up);
    await page.getByTestId("thread-item").click();
    await page.getByTestId("open-files").click();
    await entry(page, "README.md").waitFor();
    await page.getByText("Choose a file").waitFor();
    expect(await violations(page)).toEqual([]);
    expect(await page.getByTestId("files-tree").getByRole("treeitem").allTextContents()).toEqual([
      "docs",
      "src",
      ".gitignore",
      "README.md",
      "empty.txt",
      "large.log",
      "logo.bin",
      "sources",
      "way-outleads elsewhere",
    ]);
    // A folder is read when it is opened.
    await entry(page, "src").click();
    await entry(page, "cart").click();
    await entry(page, "docs").click();
    await page.getByText("Nothing in this folder").waitFor();
    await entry(page, "total.ts").click();
    await page.getByTestId("file-lines").getByText("export const line40 = 40;").waitFor();
    expect(await page.getByTestId("file-lines").getByText("line40").getAttribute("data-number")).toBe("41");
    await picture(page, `${colorScheme}-file`);
    expect(await violations(page)).toEqual([]);
    await page.getByRole("button", { name: "Copy the file" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate("navigator.clipboard.readText()")).toContain(
      "// The total of a cart.\nexport const line1",
    );
    // A link inside is a folder like any other; one that leads out does nothing.
    await entry(page, "sources").click();
    await entry(page, "wide.txt").nth(1).click();
    await page.getByTestId("file-preview").getByText("sources/wide.txt").waitFor();
    await page.getByRole("button", { name: "Wrap long lines" }).click();
    await picture(page, `${colorScheme}-wide`);
    await page.getByTestId("files-tree").getByText("way-out", { exact: true }).click();
    await page.getByTestId("file-preview").getByText("sources/wide.txt").waitFor();
    for (const [name, state] of [
      ["logo.bin", "Not a text"],
      ["empty.txt", "An empty file"],
      ["large.log", "Too large to show"],
    ] as const) {
      await entry(page, name).click();
      await page.getByTestId("files-state").getByText(state).waitFor();
    }
    await page.getByText("The file has 879 KiB.").waitFor();
    await picture(page, `${colorScheme}-large`);
    expect(await violations(page)).toEqual([]);
    // What git ignores is shown when it is asked for.
    await page.getByTestId("files-ignored").click();
    await entry(page, "node_modules").click();
    await entry(page, "left-pad").click();
    await entry(page, "index.js").click();
    await page.getByTestId("file-lines").getByText("module.exports = 1;").waitFor();
    // What the agent or a person changes is there when it is read again.
    writeFileSync(join(shop, "fresh.txt"), "new");
    await page.getByRole("button", { name: "Read again" }).click();
    await entry(page, "fresh.txt").waitFor();
    expect(complaints).toEqual([]);
  },
);

test("NOD-22 EXP-7 the tree is walked by keyboard alone", async () => {
  const { page, complaints } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url });
  await logIn(page, up);
  await page.getByTestId("thread-item").click();
  await page.getByTestId("open-files").focus();
  await page.keyboard.press("Enter");
  await entry(page, "docs").waitFor();
  await entry(page, "docs").focus();
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = (): Promise<unknown> => page.evaluate("document.activeElement.dataset.id");
  await press("ArrowDown", "ArrowRight");
  await entry(page, "cart").waitFor();
  await press("ArrowRight", "ArrowRight");
  await entry(page, "total.ts").waitFor();
  expect(await focused()).toBe("entry:src/cart");
  await press("ArrowDown", "Enter");
  await page.getByTestId("file-lines").getByText("export const line1 = 1;").waitFor();
  expect(await focused()).toBe("entry:src/cart/total.ts");
  await press("ArrowLeft", "ArrowLeft", "ArrowLeft");
  expect(await focused()).toBe("entry:src");
  await press("End");
  expect(await focused()).toBe("entry:way-out");
  await press("Home");
  expect(await focused()).toBe("entry:docs");
  await press("Escape");
  await page.getByTestId("files-tree").waitFor({ state: "detached" });
  await expect.poll(() => page.evaluate("document.activeElement.dataset.testid")).toBe("open-files");
  expect(complaints).toEqual([]);
});

test("NOD-22 EXP-7 on a phone the tree and the file take turns, and nothing sticks out", async () => {
  const { page, complaints } = await openPage(
    stage.browser,
    { ...PHONE, colorScheme: "dark" },
    { origin: up.ready.url },
  );
  await logIn(page, up);
  await page.getByRole("button", { name: "Open the navigation" }).tap();
  await page.getByTestId("thread-item").tap();
  await page.getByTestId("open-files").tap();
  await entry(page, "src").tap();
  await entry(page, "wide.txt").waitFor();
  await picture(page, "phone-tree");
  expect(await stickingOut(page)).toEqual([]);
  expect(await violations(page)).toEqual([]);
  await entry(page, "wide.txt").tap();
  await page.getByTestId("file-lines").getByText("short").waitFor();
  expect(await page.getByTestId("files-tree").isVisible()).toBe(false);
  await picture(page, "phone-file");
  expect(await stickingOut(page)).toEqual([]);
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "All files" }).tap();
  await entry(page, "cart").waitFor();
  expect(complaints).toEqual([]);
});

test("NOD-22 a machine that is away, one that is too old, and an empty project say so, and can be asked again", async () => {
  const { page, complaints } = await openPage(stage.browser, DESKTOP, { origin: up.ready.url, expected: [/409|426/] });
  await logIn(page, up);
  await page.getByTestId("thread-item").click();
  let refusal: { status: number; code: string } | null = { status: 409, code: "node_offline" };
  let entries: unknown[] | null = [];
  await page.route("**/api/v1/projects/*/files?*", async (route) => {
    if (refusal === null && entries === null) return route.continue();
    if (refusal === null) return route.fulfill({ json: { path: "", entries, truncated: false } });
    const { status, code } = refusal;
    return route.fulfill({ status, json: { code, message: "refused", retryable: false } });
  });
  await page.getByTestId("open-files").click();
  await page.getByRole("alert").getByText("The machine is away").waitFor();
  await picture(page, "offline");
  expect(await violations(page)).toEqual([]);
  refusal = { status: 426, code: "node_upgrade_required" };
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("alert").getByText("The machine needs a newer Muster").waitFor();
  refusal = null;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("An empty folder").waitFor();
  entries = null;
  await page.getByRole("button", { name: "Read again" }).click();
  await entry(page, "README.md").waitFor();
  expect(complaints).toEqual([]);
});
