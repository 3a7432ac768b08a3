// What is shown of a workspace and in which form: trees, contents, limits, and names that nobody would choose.
import { execFileSync } from "node:child_process";
import { symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { FILE_ANSWER_MAX_BYTES, FileContent, FileTree } from "@muster/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readContent } from "./read.ts";
import { makeFiles, type TestFiles } from "./test-files.ts";

let files: TestFiles;
beforeEach(() => {
  files = makeFiles();
});
afterEach(() => files.remove());

describe("a tree", () => {
  it("NOD-22 has folders before files, each by name, and what a folder holds right behind it, as deep as asked", async () => {
    for (const path of ["b.txt", "a.txt", "src/z.ts", "src/deep/er/x", "docs/read.me"]) files.write(path, "12345");
    expect(await files.paths()).toEqual(["docs/", "src/", "a.txt", "b.txt"]);
    expect(await files.paths("", { depth: 2 })).toEqual([
      "docs/",
      "docs/read.me",
      "src/",
      "src/deep/",
      "src/z.ts",
      "a.txt",
      "b.txt",
    ]);
    expect(await files.paths("src", { depth: 8 })).toEqual(["src/deep/", "src/deep/er/", "src/deep/er/x", "src/z.ts"]);
    const tree = FileTree.parse(await files.tree("", { depth: 2 }));
    expect(tree.truncated).toBe(false);
    expect(tree.entries.map(({ path, sizeBytes, isCut }) => [path, sizeBytes, isCut])).toEqual([
      ["docs", null, false],
      ["docs/read.me", 5, false],
      ["src", null, false],
      ["src/deep", null, true],
      ["src/z.ts", 5, false],
      ["a.txt", 5, false],
      ["b.txt", 5, false],
    ]);
  });

  it("is the same under every spelling of its path, and answers with the plain one", async () => {
    files.write("a/b/c");
    for (const path of ["a/b", "a/b/", "a//b", "./a/./b/."]) {
      expect(await files.tree(path)).toMatchObject({ path: "a/b", entries: [{ path: "a/b/c" }] });
    }
    expect(await files.paths(".")).toEqual(["a/"]);
  });

  it("of a file, of nothing, and of a pipe is not found", async () => {
    files.write("file");
    execFileSync("mkfifo", [join(files.root, "pipe")]);
    for (const [path, kind] of [
      ["file", "file"],
      ["pipe", "other"],
    ])
      await expect(files.tree(path)).rejects.toMatchObject({ code: "file_not_found", details: { kind } });
    for (const path of ["nothing", "nothing/at/all", "file/below"])
      await expect(files.tree(path)).rejects.toMatchObject({ code: "file_not_found" });
  });

  it("shows names with spaces, line ends and quotes as they are, and bytes that are no text without offering them", async () => {
    for (const name of ["a b", "line\nend", 'qu"ote', "back\\slash", "ümlaut", "-rf", "*", ":(top)x"])
      files.write(name, "x");
    const bytes = Buffer.concat([Buffer.from(`${files.root}/`), Buffer.from([0x66, 0xff, 0x66])]);
    writeFileSync(bytes, "x");
    const tree = FileTree.parse(await files.tree());
    expect(tree.entries.map(({ path }) => path).sort()).toEqual(
      ["a b", "line\nend", 'qu"ote', "back\\slash", "ümlaut", "-rf", "*", ":(top)x", "f\uFFFDf"].sort(),
    );
    expect(tree.entries.find(({ path }) => path === "f\uFFFDf")).toMatchObject({ kind: "other", sizeBytes: null });
    for (const name of ["line\nend", "back\\slash", "ümlaut"]) expect((await files.read(name)).content).toBe("x");
    expect(await files.codeOfRead("f\uFFFDf")).toBe("file_not_found");
  });
});

describe("a file", () => {
  it("NOD-22 is text as it is, a byte order mark and nothing included, and base64 where it is none", async () => {
    const bom = "\uFEFFwith a mark\r\n";
    files.write("bom", bom);
    files.write("empty");
    files.write("text", "zwölf 🐸\n");
    files.write("bytes", Buffer.from([0x89, 0xff, 0x00]));
    files.write("nul", "text with \0 in it");
    expect(FileContent.parse(await files.read("bom"))).toMatchObject({
      encoding: "utf-8",
      content: bom,
      sizeBytes: 16,
    });
    expect(await files.read("empty")).toMatchObject({ encoding: "utf-8", content: "", sizeBytes: 0 });
    expect(await files.read("./text")).toMatchObject({ path: "text", encoding: "utf-8", content: "zwölf 🐸\n" });
    expect(await files.read("bytes")).toMatchObject({ encoding: "base64", content: "if8A", sizeBytes: 3 });
    expect((await files.read("nul")).encoding).toBe("base64");
    expect((await files.read("text")).modifiedAt).toMatch(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/);
  });

  it("NOD-22 is refused with its size where its answer would exceed the limit, as text, escaped, or as base64", async () => {
    const limitBytes = FILE_ANSWER_MAX_BYTES;
    const around = Buffer.byteLength(JSON.stringify({ ...(await wrote("fits", "")), content: "", sizeBytes: 800_000 }));
    expect((await wrote("fits", "a".repeat(limitBytes - around))).sizeBytes).toBe(limitBytes - around);
    const cases: [string, string | Buffer][] = [
      ["over", "a".repeat(limitBytes - around + 8)],
      ["escaped", "\n".repeat(limitBytes / 2)],
      ["binary", Buffer.alloc(limitBytes * 0.76, 0xff)],
    ];
    for (const [path, content] of cases)
      await expect(wrote(path, content)).rejects.toMatchObject({
        code: "file_too_large",
        details: { path, sizeBytes: content.length, limitBytes },
      });
  });

  it("NOD-22 of a terabyte is refused before a byte of it is read", async () => {
    files.write("huge");
    truncateSync(join(files.root, "huge"), 2 ** 40);
    const handle = await open(join(files.root, "huge"));
    let reads = 0;
    const counting = new Proxy(handle, {
      get: (target, key) => {
        if (key === "read") reads += 1;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const opened = { handle: counting, real: "", at: "" };
    await expect(readContent(opened, "huge", new AbortController().signal)).rejects.toMatchObject({
      code: "file_too_large",
      details: { sizeBytes: 2 ** 40 },
    });
    expect(reads).toBe(0);
    await handle.close();
  });

  it("NOD-22 that grows while it is read is never read beyond the limit", async () => {
    files.write("grows", Buffer.alloc(4 * FILE_ANSWER_MAX_BYTES, 0x61));
    const handle = await open(join(files.root, "grows"));
    let readBytes = 0;
    const young = new Proxy(handle, {
      get: (target, key) => {
        if (key === "stat") return async () => ({ ...(await target.stat()), size: 10 });
        if (key === "read")
          return async (...args: Parameters<typeof target.read>) => {
            const result = await target.read(...args);
            readBytes += result.bytesRead;
            return result;
          };
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    await expect(
      readContent({ handle: young, real: "", at: "" }, "grows", new AbortController().signal),
    ).rejects.toMatchObject({ code: "file_too_large" });
    expect(readBytes).toBeLessThan(FILE_ANSWER_MAX_BYTES + 128 * 1024);
    await handle.close();
  });

  it("NOD-22 that is a folder, a pipe, a socket or a device is not opened", async () => {
    files.write("folder/file");
    execFileSync("mkfifo", [join(files.root, "pipe")]);
    const server = createServer().listen(join(files.root, "socket"));
    symlinkSync("/dev/zero", join(files.root, "device"));
    await expect(files.read("folder")).rejects.toMatchObject({ code: "file_not_found", details: { kind: "folder" } });
    for (const path of ["pipe", "socket"])
      await expect(files.read(path)).rejects.toMatchObject({ code: "file_not_found", details: { kind: "other" } });
    expect(await files.codeOfRead("device")).toBe("file_not_allowed");
    const kinds = Object.fromEntries((await files.tree()).entries.map(({ path, kind }) => [path, kind]));
    expect(kinds).toEqual({ device: "link", folder: "folder", pipe: "other", socket: "other" });
    await new Promise((resolve) => server.close(resolve));
  });

  const wrote = (path: string, content: string | Buffer): Promise<FileContent> => {
    files.write(path, content);
    return files.read(path);
  };
});
