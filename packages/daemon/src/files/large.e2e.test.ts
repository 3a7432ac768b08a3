// Workspaces that no answer can hold: what is shown of them, and that it takes no longer than somebody waits.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FILE_ANSWER_MAX_BYTES, FILE_TREE_ENTRIES_MAX, FileTree } from "@muster/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeFiles, type TestFiles } from "./test-files.ts";

let files: TestFiles;
beforeEach(() => {
  files = makeFiles();
});
afterEach(() => files.remove());

describe("a tree", () => {
  it("NOD-22 of 100,000 files is cut at the limit, says so, and begins where the alphabet does", async () => {
    mkdirSync(join(files.root, "many"));
    for (let index = 0; index < 100_000; index += 1)
      writeFileSync(join(files.root, "many", String(index).padStart(6, "0")), "");
    files.write("many/zzz/inner");
    const tree = FileTree.parse(await files.tree("many"));
    expect(tree).toMatchObject({ truncated: true, entries: { length: FILE_TREE_ENTRIES_MAX } });
    expect(tree.entries.slice(0, 2).map(({ path }) => path)).toEqual(["many/zzz", "many/000000"]);
    expect(Buffer.byteLength(JSON.stringify(tree))).toBeLessThanOrEqual(FILE_ANSWER_MAX_BYTES);
  });

  it("NOD-22 whose names are long is cut by its bytes", async () => {
    const folder = "f".repeat(200);
    for (let index = 0; index < 3_000; index += 1) files.write(`${folder}/${String(index).padEnd(250, "\u0001")}`);
    const tree = FileTree.parse(await files.tree(folder));
    expect(tree.truncated).toBe(true);
    expect(tree.entries.length).toBeLessThan(3_000);
    expect(Buffer.byteLength(JSON.stringify(tree))).toBeLessThanOrEqual(FILE_ANSWER_MAX_BYTES);
  });

  it("that is cut has what is near its top before what is deep down, and says which folders are cut", async () => {
    for (let index = 0; index < FILE_TREE_ENTRIES_MAX; index += 1) files.write(`a/${index}`);
    for (const path of ["b/1", "z"]) files.write(path);
    const tree = await files.tree("", { depth: 2 });
    const shown = tree.entries.map(({ path }) => path);
    expect(tree.truncated).toBe(true);
    expect(shown).toEqual(expect.arrayContaining(["a", "b", "z"]));
    expect(tree.entries.find(({ path }) => path === "a")?.isCut).toBe(true);
    expect(tree.entries.find(({ path }) => path === "b")?.isCut).toBe(true);
  });

  it("NOD-22 whose asker is gone is given up", async () => {
    for (let index = 0; index < 3_000; index += 1) files.write(`${index}`);
    const controller = new AbortController();
    const asking = files.tree("", { signal: controller.signal });
    controller.abort(new Error("gone"));
    await expect(asking).rejects.toThrow("gone");
  });
});
