// A file is there whole under its name or not at all, and nothing but a plain file is ever replaced.
import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fileTarget } from "./target.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-target-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = () => join(folder, "record.jsonl");
const parts = () => readdirSync(folder).filter((name) => name.endsWith(".part"));

describe("a file that is replaced", () => {
  test("has its old content until the new one is complete", async () => {
    writeFileSync(path(), "old");
    const target = await fileTarget(path(), { overwrite: true });
    await target.write("new");
    expect(readFileSync(path(), "utf8")).toBe("old");
    await target.finish();
    expect(readFileSync(path(), "utf8")).toBe("new");
    expect(parts()).toEqual([]);
  });

  test.each([
    ["a pipe", () => execFileSync("mkfifo", [path()])],
    ["a folder", () => mkdirSync(path())],
    ["a link", () => symlinkSync("elsewhere", path())],
  ])("is none where %s has the name", async (_what, make) => {
    make();
    const before = lstatSync(path());
    await expect(fileTarget(path(), { overwrite: true })).rejects.toMatchObject({ code: "validation_failed" });
    expect(lstatSync(path()).ino).toBe(before.ino);
    expect(parts()).toEqual([]);
  });

  test("is none where a pipe took the name meanwhile", async () => {
    const target = await fileTarget(path(), { overwrite: true });
    await target.write("new");
    execFileSync("mkfifo", [path()]);
    await expect(target.finish()).rejects.toMatchObject({ code: "validation_failed" });
    expect(lstatSync(path()).isFIFO()).toBe(true);
    expect(parts()).toEqual([]);
  });
});
