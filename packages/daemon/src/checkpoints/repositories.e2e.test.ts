import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  gitFolderState,
  listFiles,
  runTestGit,
  type TestWorkspace,
  THREAD,
  testEnvironment,
} from "./test-workspace.ts";
import { treeOf, workspacesOfTest } from "./test-workspaces.ts";

const workspace = workspacesOfTest();

describe("git repositories as they are found", () => {
  it("ORC-34 a repository without a commit, and an empty one", async () => {
    const one = workspace();
    const empty = await one.capture(0);
    expect(treeOf(one, empty)).toEqual([]);
    one.write("a", "1");
    expect(treeOf(one, await one.capture(1))).toEqual(["a"]);
    await one.revert(empty);
    expect(one.files()).toEqual({});
  });

  it("ORC-34 a worktree has its own files and shares its repository's refs", async () => {
    const one = workspace();
    one.write("a", "1");
    one.git("add", "-A");
    one.git("commit", "-qm", "first");
    const tree = join(one.base, "tree");
    one.git("worktree", "add", "-q", "-b", "side", tree);
    writeFileSync(join(tree, "a"), "side");
    writeFileSync(join(tree, "b"), "side");
    const before = gitFolderState(join(one.root, ".git"));
    const { checkpointRef } = await one.checkpoints.capture({ workspaceRoot: tree, threadId: THREAD, turnCount: 0 });
    expect(gitFolderState(join(one.root, ".git"))).toEqual(before);
    expect(one.git("show", `${checkpointRef}:a`)).toBe("side");
    expect(treeOf(one, checkpointRef)).toEqual(["a", "b"]);
  });

  it("ORC-34 a workspace below the top folder is all that its checkpoints hold", async () => {
    const one = workspace({ subfolder: "packages/ü app" });
    writeFileSync(join(one.base, "work", "outside"), "1");
    writeFileSync(join(one.base, "work", ".gitignore"), "*.log\n");
    one.write("inside", "1");
    one.write("x.log", "ignored by a rule above");
    one.git("add", "-A");
    one.git("commit", "-qm", "first");
    one.write("new", "1");
    const ref = await one.capture(0);
    expect(treeOf(one, ref)).toEqual(["inside", "new"]);
    writeFileSync(join(one.base, "work", "outside"), "2");
    one.write("inside", "2");
    one.write("newer", "2");
    const toRef = await one.capture(1);
    const { files } = await one.checkpoints.diff({ workspaceRoot: one.root, fromRef: ref, toRef });
    expect(files.map((file) => file.path)).toEqual(["inside", "newer"]);
    expect((await one.revert(ref)).map((entry) => `${entry.path} ${entry.outcome}`)).toEqual([
      "inside restored",
      "newer deleted",
    ]);
    expect(listFiles(join(one.base, "work"))["outside"]).toBe("file 2");
  });

  it("ORC-34 a workspace below the top folder that has no file yet, while the rest is in a conflict", async () => {
    const one = workspace({ subfolder: "empty" });
    makeConflict(one, join(one.base, "work"));
    const ref = await one.capture(0);
    expect(treeOf(one, ref)).toEqual([]);
    one.write("a", "1");
    expect(treeOf(one, await one.capture(1))).toEqual(["a"]);
  });

  it("ORC-34 a locked index and a merge with conflicts: the files as they are, the conflict stays", async () => {
    const one = workspace();
    makeConflict(one, one.root);
    writeFileSync(join(one.root, ".git", "index.lock"), "");
    const before = gitFolderState(join(one.root, ".git"));
    const ref = await one.capture(0);
    expect(gitFolderState(join(one.root, ".git"))).toEqual(before);
    expect(treeOf(one, ref)).toEqual(["clean", "conflict"]);
    expect(one.git("show", `${ref}:conflict`)).toContain("<<<<<<<");
    rmSync(join(one.root, "conflict"));
    expect(treeOf(one, await one.capture(1))).toEqual(["clean"]);
    await one.revert(ref);
    expect(one.read("conflict")).toContain("<<<<<<<");
    expect(gitFolderState(join(one.root, ".git"))).toEqual(before);
  });

  it("ORC-34 a submodule is one pointer: its move is in the diff, its files and index are left alone", async () => {
    const one = workspace();
    const library = join(one.base, "library");
    const environment = testEnvironment(one.home);
    runTestGit(one.base, environment, ["init", "-q", library]);
    runTestGit(library, environment, ["commit", "-q", "--allow-empty", "-m", "one"]);
    one.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, "lib");
    one.git("commit", "-qm", "first");
    const ref = await one.capture(0);
    const lib = join(one.root, "lib");
    writeFileSync(join(lib, "inside"), "x");
    runTestGit(lib, environment, ["add", "inside"]);
    runTestGit(lib, environment, ["commit", "-q", "-m", "two"]);
    writeFileSync(join(lib, "inside"), "not committed");
    const before = gitFolderState(join(one.root, ".git"));
    const toRef = await one.capture(1);
    expect(gitFolderState(join(one.root, ".git"))).toEqual(before);
    const { files, diff } = await one.checkpoints.diff({ workspaceRoot: one.root, fromRef: ref, toRef });
    expect(files).toEqual([{ path: "lib", status: "modified", additions: 1, deletions: 1, binary: false }]);
    expect(diff).toMatch(/-Subproject commit [0-9a-f]{40}\n\+Subproject commit [0-9a-f]{40}\n/);
    expect(await one.revert(ref)).toEqual([
      { path: "lib", outcome: "kept", reason: "a submodule's commit is not moved" },
    ]);
  });

  it("ORC-34 a nested repository is left out and reported", async () => {
    const one = workspace();
    const environment = testEnvironment(one.home);
    one.write("a", "1");
    for (const name of ["empty", "full"]) {
      runTestGit(one.root, environment, ["init", "-q", name]);
      one.write(`${name}/file`, "x");
    }
    runTestGit(join(one.root, "full"), environment, ["add", "-A"]);
    runTestGit(join(one.root, "full"), environment, ["commit", "-q", "-m", "one"]);
    const { checkpointRef, skipped } = await one.checkpoints.capture({
      workspaceRoot: one.root,
      threadId: THREAD,
      turnCount: 0,
    });
    expect(skipped).toEqual([
      { path: "empty/", reason: "nested-repository" },
      { path: "full/", reason: "nested-repository" },
    ]);
    expect(treeOf(one, checkpointRef)).toEqual(["a"]);
    rmSync(join(one.root, "full", ".git"), { recursive: true });
    expect(await one.revert(checkpointRef)).toEqual([
      { path: "full/file", outcome: "kept", reason: "the checkpoint left it out: nested-repository" },
    ]);
  });

  it("ORC-34 the user's own ignore file and the repository's exclude file count", async () => {
    const one = workspace();
    const userIgnore = join(one.home, "my ignores");
    writeFileSync(userIgnore, "*.user\n");
    writeFileSync(join(one.home, ".gitconfig"), "[core]\n\texcludesFile = ~/my ignores\n");
    writeFileSync(join(one.root, ".git", "info", "exclude"), "*.repo\n!kept.user\n");
    for (const name of ["a.user", "kept.user", "b.repo", "c"]) one.write(name, "x");
    expect(treeOf(one, await one.capture(0))).toEqual(["c", "kept.user"]);
  });

  it("ORC-34 a project below a repository that ignores it is not that repository's", async () => {
    const one = workspace({ subfolder: "projects/mine" });
    writeFileSync(join(one.base, "work", ".gitignore"), "*\n");
    one.write("a", "1");
    const ref = await one.capture(0);
    expect(one.git("for-each-ref", "refs/muster")).toBe("");
    one.write("a", "2");
    await one.revert(ref);
    expect(one.read("a")).toBe("1");
  });
});

function makeConflict(one: TestWorkspace, top: string): void {
  const write = (name: string, content: string) => writeFileSync(join(top, name), content);
  write("conflict", "base\n");
  write("clean", "base\n");
  one.git("add", "-A");
  one.git("commit", "-qm", "base");
  one.git("checkout", "-qb", "side");
  write("conflict", "side\n");
  one.git("commit", "-qam", "side");
  one.git("checkout", "-q", "main");
  write("conflict", "main\n");
  one.git("commit", "-qam", "main");
  expect(() => one.git("merge", "side")).toThrow();
}
