import { createHash } from "node:crypto";
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Checkpoints, isCheckpointError } from "./index.ts";
import { NOW_MS, runTestGit, THREAD, testEnvironment } from "./test-workspace.ts";
import { workspacesOfTest } from "./test-workspaces.ts";

const workspace = workspacesOfTest();

describe("a folder without a repository", () => {
  it("ORC-34 gets a shadow repository outside it, and no file of ours inside", async () => {
    const one = workspace({ init: false });
    one.write(".gitignore", "*.log\n");
    one.write("a.txt", "1");
    one.write("x.log", "ignored");
    const before = one.files();
    const ref = await one.capture(0);
    expect(one.files()).toEqual(before);
    expect(existsSync(join(one.root, ".git"))).toBe(false);
    const folder = join(one.base, "data", "checkpoints", "shadow", createHash("sha256").update(one.root).digest("hex"));
    expect(runTestGit(folder, testEnvironment(one.home), ["ls-tree", "--name-only", ref])).toBe(".gitignore\na.txt\n");

    one.write("a.txt", "2");
    one.write("b.txt", "2");
    const toRef = await one.capture(1);
    const { files } = await one.checkpoints.diff({ workspaceRoot: one.root, fromRef: ref, toRef });
    expect(files.map((file) => `${file.status} ${file.path}`)).toEqual(["modified a.txt", "added b.txt"]);
    await one.revert(ref);
    expect(one.files()).toEqual(before);
  });

  it.each(["", "garbage"])("is read anew when a power loss left its index as %j", async (left) => {
    const one = workspace({ init: false });
    one.write("a.txt", "1");
    one.write("b.txt", "1");
    const before = await one.capture(0);
    const folder = join(one.base, "data", "checkpoints", "shadow", createHash("sha256").update(one.root).digest("hex"));
    writeFileSync(join(folder, "muster-index"), left);
    one.write("a.txt", "2");
    const after = await one.capture(1);
    const { files } = await one.checkpoints.diff({ workspaceRoot: one.root, fromRef: before, toRef: after });
    expect(files.map(({ path, status }) => `${status} ${path}`)).toEqual(["modified a.txt"]);
  });

  it("ORC-34 leaves large files out by name, and counts all files against the limit", async () => {
    const one = workspace({ init: false, limits: { maxFileBytes: 10, maxFiles: 3 } });
    one.write("a", "small");
    one.write("large", "small");
    const first = await one.capture(0);
    one.write("large", "x".repeat(11));
    const { skipped } = await one.checkpoints.capture({ workspaceRoot: one.root, threadId: THREAD, turnCount: 1 });
    expect(skipped).toEqual([{ path: "large", reason: "too-large" }]);
    expect(await one.revert(first)).toEqual([
      { path: "large", outcome: "kept", reason: "not in the safety checkpoint: ignored or left out there" },
    ]);
    for (const name of ["b", "c"]) one.write(name, "x");
    const failure = await one.capture(2).catch((error: unknown) => error);
    expect(isCheckpointError(failure, "limit_exceeded") && failure.details.limit).toBe("maxFiles");
  });

  it("ORC-34 skips the repositories inside it and reports them", async () => {
    const one = workspace({ init: false });
    one.write("notes", "1");
    runTestGit(one.root, testEnvironment(one.home), ["init", "-q", "inner"]);
    one.write("inner/file", "x");
    const { skipped } = await one.checkpoints.capture({ workspaceRoot: one.root, threadId: THREAD, turnCount: 0 });
    expect(skipped).toEqual([{ path: "inner/", reason: "nested-repository" }]);
  });

  it("ORC-34 that holds the daemon's own data folder is captured without it", async () => {
    const one = workspace({ init: false });
    one.write("a", "1");
    const dataDir = join(one.root, "my [data] folder", "muster");
    const inside = new Checkpoints({ dataDir, nowMs: () => NOW_MS, environment: testEnvironment(one.home) });
    one.write("my [data] folder/muster/journal", "ours");
    one.write("my [data] folder/theirs", "theirs");
    const request = { workspaceRoot: one.root, threadId: THREAD };
    const first = await inside.capture({ ...request, turnCount: 0 });
    const second = await inside.capture({ ...request, turnCount: 1 });
    expect(second.treeOid).toBe(first.treeOid);
    rmSync(join(one.root, "a"));
    const third = await inside.capture({ ...request, turnCount: 2 });
    const { files } = await inside.diff({ ...request, fromRef: first.checkpointRef, toRef: third.checkpointRef });
    expect(files.map((file) => file.path)).toEqual(["a"]);
  });

  it("ORC-34 is found again by another daemon process, through a link to it as well", async () => {
    const one = workspace({ init: false });
    one.write("a", "1");
    const ref = await one.capture(0);
    const other = new Checkpoints({
      dataDir: join(one.base, "data"),
      nowMs: () => NOW_MS,
      environment: testEnvironment(one.home),
    });
    const listed = await other.list({ workspaceRoot: `${one.root}/../work/`, threadId: THREAD });
    expect(listed.map((entry) => entry.checkpointRef)).toEqual([ref]);
  });

  it("ORC-34 a workspace that is gone or is a file is not_a_directory", async () => {
    const one = workspace();
    one.write("file", "x");
    for (const workspaceRoot of [join(one.root, "file"), join(one.root, "nothing")]) {
      const failure = await one.checkpoints
        .capture({ workspaceRoot, threadId: THREAD, turnCount: 0 })
        .catch((error: unknown) => error);
      expect(isCheckpointError(failure, "not_a_directory")).toBe(true);
    }
  });

  it("ORC-34 a broken repository is git_failed with git's own words, never a silent shadow", async () => {
    const one = workspace();
    renameSync(join(one.root, ".git", "HEAD"), join(one.root, ".git", "HEAD.gone"));
    const failure = await one.capture(0).catch((error: unknown) => error);
    expect(isCheckpointError(failure, "git_failed") && failure.details).toMatchObject({
      exitCode: 128,
      stderrTail: expect.stringContaining("not a git repository"),
    });
  });
});
