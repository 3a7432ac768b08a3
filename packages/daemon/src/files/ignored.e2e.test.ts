// What git ignores is not shown unless asked for: by real git, in real repositories of every shape.
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "@muster/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WorkspaceFiles } from "./index.ts";
import { makeFiles, type TestFiles } from "./test-files.ts";

let files: TestFiles;
beforeEach(() => {
  files = makeFiles();
});
afterEach(() => files.remove());

const git = (folder: string, ...args: string[]): string =>
  execFileSync(
    "git",
    ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always", ...args],
    {
      cwd: join(files.base, folder),
      env: { ...files.environment, GIT_CONFIG_NOSYSTEM: "1" },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
const commit = (folder: string): void => {
  git(folder, "add", "--force", "--all");
  git(folder, "commit", "--quiet", "--message", "x");
};

describe("a repository", () => {
  beforeEach(() => git("work", "init", "--quiet"));

  it("NOD-22 shows what it tracks and what is new, and what it ignores only when asked", async () => {
    files.write(".gitignore", "node_modules/\n*.log\n!keep.log\n/dist\n");
    for (const path of ["a.ts", "debug.log", "keep.log", "node_modules/x/y.js", "src/b.ts", "src/b.log", "src/dist/c"])
      files.write(path, path);
    files.write("dist/out.js");
    const shown = [".gitignore", "a.ts", "keep.log"];
    expect(await files.paths("", { depth: 3 })).toEqual(["src/", "src/dist/", "src/dist/c", "src/b.ts", ...shown]);
    expect(await files.paths("", { ignored: true })).toEqual([
      ...["dist/", "node_modules/", "src/"],
      ...[".gitignore", "a.ts", "debug.log", "keep.log"],
    ]);
    expect(await files.paths("src")).toEqual(["src/dist/", "src/b.ts"]);
    for (const path of ["debug.log", "node_modules/x/y.js", "src/b.log", "dist/out.js", "dist/nothing"]) {
      expect(await files.codeOfRead(path)).toBe("file_not_found");
    }
    for (const path of ["node_modules", "dist", "node_modules/x"])
      await expect(files.tree(path)).rejects.toMatchObject({ code: "file_not_found" });
    expect((await files.read("node_modules/x/y.js", { ignored: true })).content).toBe("node_modules/x/y.js");
    expect(await files.paths("node_modules/x", { ignored: true })).toEqual(["node_modules/x/y.js"]);
  });

  it("NOD-22 shows what it tracks in spite of its rules, and the folders above it", async () => {
    files.write("vendor/lib/code.c", "x");
    files.write("vendor/lib/tracked.o", "x");
    commit("work");
    files.write(".gitignore", "vendor/\n*.o\n");
    for (const path of ["vendor/lib/new.c", "vendor/other/new.c", "new.o"]) files.write(path);
    expect(await files.paths("", { depth: 4 })).toEqual([
      "vendor/",
      "vendor/lib/",
      "vendor/lib/code.c",
      "vendor/lib/tracked.o",
      ".gitignore",
    ]);
    expect(await files.codeOfRead("vendor/lib/tracked.o")).toBe("ok");
    expect(await files.codeOfRead("vendor/lib/new.c")).toBe("file_not_found");
  });

  it("knows the user's own rules and those of the repository alone", async () => {
    writeFileSync(join(files.root, ".git", "info", "exclude"), "mine\n");
    mkdirSync(join(files.base, "home", ".config", "git"), { recursive: true });
    writeFileSync(join(files.base, "home", ".config", "git", "ignore"), "*.swp\n");
    for (const path of ["mine", "a.swp", "b"]) files.write(path);
    expect(await files.paths()).toEqual(["b"]);
  });

  it("NOD-22 takes no name for a pattern, and splits none", async () => {
    files.write(".gitignore", "/ignored*\n");
    const names = [
      "line\nend",
      "*",
      "[a-z]",
      ":(top)x",
      ":!x",
      "-z",
      "--",
      "a b",
      "zwölf",
      "back\\slash",
      "ignored\nmore",
      "!x",
    ];
    for (const name of names) files.write(`folder/${name}`);
    for (const name of names) files.write(name);
    const shown = names.filter((name) => !name.startsWith("ignored"));
    expect((await files.paths()).sort()).toEqual([".gitignore", "folder/", ...shown].sort());
    expect((await files.paths("folder")).sort()).toEqual(names.map((name) => `folder/${name}`).sort());
    for (const name of shown) expect(await files.codeOfRead(name)).toBe("ok");
    expect(await files.codeOfRead("ignored\nmore")).toBe("file_not_found");
  });

  it("rules what it tracks in spite of its rules also where there is more than git takes as arguments", async () => {
    for (let index = 0; index < 300; index += 1) files.write(`many/${index}.o`);
    files.write("many/zwölf.o");
    commit("work");
    files.write(".gitignore", "*.o\n");
    files.write("many/new.o");
    expect(await files.paths("many")).toHaveLength(301);
    expect(await files.paths("many")).not.toContain("many/new.o");
  });

  it("NOD-22 that lies in another one goes by its own rules, and a submodule too", async () => {
    files.write(".gitignore", "*.log\n");
    files.write("inner/.gitignore", "*.tmp\n");
    for (const path of ["a.log", "a.tmp", "inner/a.log", "inner/a.tmp", "inner/deep/b.tmp"]) files.write(path);
    git("work/inner", "init", "--quiet");
    mkdirSync(join(files.base, "origin"));
    git("origin", "init", "--quiet");
    writeFileSync(join(files.base, "origin", ".gitignore"), "*.o\n");
    writeFileSync(join(files.base, "origin", "main.c"), "");
    commit("origin");
    git("work", "submodule", "--quiet", "add", join(files.base, "origin"), "sub");
    files.write("sub/main.o");
    expect(await files.paths("", { depth: 3 })).toEqual([
      ...["inner/", "inner/deep/", "inner/.gitignore", "inner/a.log"],
      ...["sub/", "sub/.gitignore", "sub/main.c"],
      ...[".gitignore", ".gitmodules", "a.tmp"],
    ]);
    expect(await files.paths("inner")).toEqual(["inner/deep/", "inner/.gitignore", "inner/a.log"]);
    expect(await files.codeOfRead("sub/main.c")).toBe("ok");
    expect(await files.codeOfRead("sub/main.o")).toBe("file_not_found");
  });

  it("whose worktree is the workspace rules it", async () => {
    files.write(".gitignore", "*.log\n");
    commit("work");
    git("work", "worktree", "add", "--quiet", "../tree");
    writeFileSync(join(files.base, "tree", "a.log"), "");
    const other = new WorkspaceFiles({ environment: files.environment, hiddenFolders: [] });
    const question = { root: join(files.base, "tree"), path: "", ignored: false, signal: new AbortController().signal };
    expect((await other.tree({ ...question, depth: 1 })).entries.map(({ path }) => path)).toEqual([".gitignore"]);
  });

  it("NOD-22 that git cannot read shows nothing on a guess, and everything when asked", async () => {
    files.write(".env", "SECRET");
    writeFileSync(join(files.root, ".git", "config"), "not a configuration [");
    await expect(files.tree()).rejects.toMatchObject({
      code: "workspace_unavailable",
      details: { reason: "git_failed" },
    });
    expect(await files.codeOfRead(".env")).toBe("workspace_unavailable");
    expect(await files.paths("", { ignored: true })).toEqual([".env"]);
  });

  it("without git on the machine shows nothing on a guess", async () => {
    files.write("a");
    const without = new WorkspaceFiles({ environment: { PATH: "/nowhere" }, hiddenFolders: [] });
    const question = { root: files.root, path: "", depth: 1, signal: new AbortController().signal };
    await expect(without.tree({ ...question, ignored: false })).rejects.toMatchObject({
      code: "workspace_unavailable",
      details: { reason: "git_not_found" },
    });
    expect((await without.tree({ ...question, ignored: true })).entries).toHaveLength(1);
  });

  it("NOD-22 whose git hangs holds nobody: the work ends with its asker, and git with it", async () => {
    const bin = join(files.base, "bin");
    mkdirSync(bin);
    const note = join(files.base, "pid");
    writeFileSync(join(bin, "git"), `#!/bin/sh\necho $$ > ${note}.new\nmv ${note}.new ${note}\nexec sleep 600\n`);
    chmodSync(join(bin, "git"), 0o755);
    const { PATH } = files.environment;
    const hanging = new WorkspaceFiles({ environment: { PATH: `${bin}:${PATH}` }, hiddenFolders: [] });
    const controller = new AbortController();
    files.write("a");
    const question = { root: files.root, path: "", ignored: false, depth: 1, signal: controller.signal };
    const asking = hanging.tree(question);
    const ended = expect(asking).rejects.toThrow("the asker has left");
    const { existsSync, readFileSync } = await import("node:fs");
    await until("git to run", () => existsSync(note));
    const pid = Number(readFileSync(note, "utf8"));
    controller.abort(new Error("the asker has left"));
    await ended;
    expect(() => process.kill(pid, 0)).toThrow();
  });

  it("NOD-22 shows of 50,000 ignored files nothing, and still what else there is", async () => {
    files.write(".gitignore", "*.tmp\n");
    for (let index = 0; index < 50_000; index += 1) writeFileSync(join(files.root, `${index}.tmp`), "");
    files.write("last", "x");
    expect(await files.paths()).toEqual([".gitignore", "last"]);
  });
});

describe("a workspace in no repository", () => {
  it("NOD-22 shows everything, and needs no git for it", async () => {
    files.write(".gitignore", "*.log\n");
    files.write("a.log");
    const without = new WorkspaceFiles({ environment: { PATH: "/nowhere" }, hiddenFolders: [] });
    const question = { root: files.root, path: "", depth: 1, ignored: false, signal: new AbortController().signal };
    expect((await without.tree(question)).entries.map(({ path }) => path)).toEqual([".gitignore", "a.log"]);
  });

  it("is one too where the repository around it ignores it, and one that does not ignore it rules it", async () => {
    git(".", "init", "--quiet");
    writeFileSync(join(files.base, ".gitignore"), "/work\n*.log\n");
    files.write("a.log");
    expect(await files.paths()).toEqual(["a.log"]);
    writeFileSync(join(files.base, ".gitignore"), "*.log\n");
    expect(await files.paths()).toEqual([]);
    expect(await files.codeOfRead("a.log")).toBe("file_not_found");
  });

  it("is not made one by an empty `.git`", async () => {
    mkdirSync(join(files.root, "fixture", ".git"), { recursive: true });
    files.write("fixture/a");
    expect(await files.paths("fixture")).toEqual(["fixture/a"]);
    rmSync(join(files.root, "fixture", ".git"), { recursive: true });
    appendFileSync(join(files.root, "fixture", ".git"), "gitdir: /nowhere\n");
    await expect(files.tree("fixture")).rejects.toMatchObject({ code: "workspace_unavailable" });
  });
});
