// Files that have become something else since somebody looked: reading them must end.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { hashFile } from "./objects.ts";
import { readPlain } from "./plain-file.ts";
import type { Workspace } from "./workspace.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-plain-"));
  mkdirSync(join(folder, "folder"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const SHA1 = { objectFormat: "sha1" } as Workspace;

it("a file's name is git's, read without end where it is empty or long", async () => {
  for (const [content, name] of [
    ["", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"],
    ["a".repeat(300_000), "bc9d6fca84ff43ddf0e2e8843dee760a498ee482"],
  ] as const) {
    writeFileSync(join(folder, "file"), content);
    expect(await hashFile(SHA1, Buffer.from(join(folder, "file")), content.length)).toBe(name);
  }
});

it.each(["pipe", "folder"])("a %s that has taken a file's place holds nobody up", async (name) => {
  const path = join(folder, name);
  await expect(hashFile(SHA1, Buffer.from(path), 5)).rejects.toMatchObject({ code: "io_failed" });
  await expect(readPlain(path)).rejects.toMatchObject({ code: "io_failed" });
});
