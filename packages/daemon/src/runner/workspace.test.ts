import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { checkWorkspace } from "./workspace.ts";

let folder = "";
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "muster-workspace-")));
  for (const name of ["root", "root/inside", "outside"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "root", "file"), "");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const check = (path: string): Promise<string> =>
  checkWorkspace(join(folder, path), [join(folder, "root"), join(folder, "missing-root")]);

it("a root and what lies in it may be worked in", async () => {
  expect(await check("root")).toBe(join(folder, "root"));
  expect(await check("root/inside")).toBe(join(folder, "root", "inside"));
});

it("ORC-30 a link inside a root never leads out of it, and one into a root does", async () => {
  symlinkSync(join(folder, "outside"), join(folder, "root", "link"));
  await expect(check("root/link")).rejects.toMatchObject({ code: "workspace_not_allowed" });
  symlinkSync(join(folder, "root"), join(folder, "way-in"));
  expect(await check("way-in/inside")).toBe(join(folder, "root", "inside"));
});

it("what is outside is not told whether it is there", async () => {
  await expect(check("outside")).rejects.toMatchObject({ code: "workspace_not_allowed" });
  await expect(check("outside/nothing")).rejects.toMatchObject({ code: "workspace_not_allowed" });
  await expect(check("root/../outside")).rejects.toMatchObject({ code: "workspace_not_allowed" });
});

it.each([
  "inside/link",
  "inside/link/there",
  "inside/link/nothing",
  "inside/link/file",
  "inside/link/file/below",
  "inside/astray",
])("what is outside is not told whether it is there, nor by a link that leads to it: %s", async (path) => {
  mkdirSync(join(folder, "outside", "there"));
  writeFileSync(join(folder, "outside", "file"), "");
  symlinkSync(join(folder, "outside"), join(folder, "root", "inside", "link"));
  symlinkSync(join(folder, "outside", "nothing"), join(folder, "root", "inside", "astray"));
  await expect(check(`root/${path}`)).rejects.toMatchObject({ code: "workspace_not_allowed" });
});

it("what is not there is unavailable in a root that is reached by a link, and in one that is not there itself", async () => {
  symlinkSync(join(folder, "root"), join(folder, "root", "inside", "around"));
  for (const path of ["root/inside/around/nothing/below", "root/file/below", "missing-root/nothing"])
    await expect(check(path)).rejects.toMatchObject({ code: "workspace_unavailable" });
});

it("a file or nothing inside a root is unavailable", async () => {
  await expect(check("root/file")).rejects.toMatchObject({ code: "workspace_unavailable" });
  await expect(check("root/nothing")).rejects.toMatchObject({ code: "workspace_unavailable" });
});
