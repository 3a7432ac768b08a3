import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isCheckpointError } from "./index.ts";
import { gitFolderState, NOW_MS, THREAD } from "./test-workspace.ts";
import { treeOf, workspacesOfTest } from "./test-workspaces.ts";

const workspace = workspacesOfTest();

const names = (output: string) => output.split("\0").filter((name) => name !== "");

describe("capture", () => {
  it("says with a code of its own what the system refuses", async () => {
    const one = workspace();
    await one.capture(0);
    rmSync(join(one.base, "data/checkpoints/scratch"), { recursive: true });
    writeFileSync(join(one.base, "data/checkpoints/scratch"), "in the way");
    const failure = await one.capture(1).catch((error: unknown) => error);
    expect(isCheckpointError(failure, "io_failed") && failure.message).toContain("ENOTDIR");
  });

  it("a pipe in the place of the index is refused, and holds nobody up", async () => {
    const one = workspace();
    rmSync(join(one.root, ".git/index"), { force: true });
    execFileSync("mkfifo", [join(one.root, ".git/index")]);
    const failure = await one.capture(0).catch((error: unknown) => error);
    expect(isCheckpointError(failure, "io_failed") && failure.message).toContain("is no regular file");
  });

  it.each([[[]], [false as const]])(
    "a pipe or a socket where a file was costs nothing but itself (init %j)",
    async (init) => {
      const one = workspace({ init });
      one.write("a", "1");
      one.write("b", "1");
      one.write("c", "1");
      if (init !== false) one.git("add", "-A");
      const before = await one.capture(0);
      rmSync(join(one.root, "a"));
      execFileSync("mkfifo", [join(one.root, "a")]);
      execFileSync("mkfifo", [join(one.root, "new")]);
      rmSync(join(one.root, "b"));
      const server = createServer().listen(join(one.root, "b"));
      await once(server, "listening");
      one.write("c", "2");
      try {
        const { checkpointRef, skipped } = await one.checkpoints.capture({
          workspaceRoot: one.root,
          threadId: THREAD,
          turnCount: 1,
        });
        expect(skipped).toEqual([
          { path: "a", reason: "special-file" },
          { path: "b", reason: "special-file" },
        ]);
        const { files } = await one.checkpoints.diff({
          workspaceRoot: one.root,
          fromRef: before,
          toRef: checkpointRef,
        });
        expect(files.map(({ path, status }) => `${status} ${path}`)).toEqual(["deleted a", "deleted b", "modified c"]);
      } finally {
        server.close();
      }
    },
  );

  it("takes a file that vanishes while it is looked at for gone, not for unreadable", async () => {
    const one = workspace();
    let isOver = false;
    const churn = (async () => {
      for (let round = 0; !isOver; round += 1) {
        one.write(`c/${round % 50}`, `${round}`);
        rmSync(join(one.root, `c/${(round + 25) % 50}`), { force: true });
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let turnCount = 0; turnCount < 8; turnCount += 1) {
      const captured = await one.checkpoints
        .capture({ workspaceRoot: one.root, threadId: THREAD, turnCount })
        .catch((error: unknown) => error);
      // Under such a storm git itself may fail three times; what it must not is name a file that is no more.
      if (!isCheckpointError(captured, "git_failed")) expect(captured).toMatchObject({ skipped: [] });
    }
    isOver = true;
    await churn;
  });

  it("ORC-34 makes a hidden ref with tracked and untracked files and no ignored ones", async () => {
    const one = workspace();
    one.write("tracked.txt", "old\n");
    one.write(".gitignore", "*.log\nbuild/\n");
    one.git("add", "-A");
    one.git("commit", "-qm", "first");
    one.write("tracked.txt", "new\n");
    one.write("untracked.txt", "here\n");
    one.write("debug.log", "ignored");
    one.write("build/out.bin", "ignored");

    const ref = await one.capture(0);

    expect(ref).toBe(`refs/muster/checkpoints/${THREAD}/turn/0`);
    expect(treeOf(one, ref)).toEqual([".gitignore", "tracked.txt", "untracked.txt"]);
    expect(one.git("show", `${ref}:tracked.txt`)).toBe("new\n");
    expect(one.git("log", "-1", "--format=%an <%ae> %at %cn <%ce> %ct %P", ref).trim()).toBe(
      `Muster <checkpoints@muster.invalid> ${NOW_MS / 1000} Muster <checkpoints@muster.invalid> ${NOW_MS / 1000}`,
    );
  });

  it("ORC-34 never touches the index, HEAD, branches, stash, reflog, configuration or status: every byte stays", async () => {
    const one = workspace();
    one.write("a.txt", "1\n");
    one.write("b.txt", "1\n");
    one.git("add", "-A");
    one.git("commit", "-qm", "first");
    one.write("a.txt", "stashed\n");
    one.git("stash");
    one.git("branch", "other");
    one.write("a.txt", "staged\n");
    one.git("add", "a.txt");
    one.write("a.txt", "staged, then edited\n");
    one.write("new.txt", "untracked\n");
    one.git("add", "--intent-to-add", "new.txt");
    rmSync(join(one.root, "b.txt"));
    const statusBefore = one.git("status", "--porcelain=v2");
    const before = gitFolderState(join(one.root, ".git"));
    const filesBefore = one.files();

    const first = await one.capture(0);
    one.write("c.txt", "more\n");
    const second = await one.capture(1);
    await one.checkpoints.diff({ workspaceRoot: one.root, fromRef: first, toRef: second });
    await one.revert(first);
    await one.checkpoints.dropAfter({ workspaceRoot: one.root, threadId: THREAD, turnCount: 0, eventId: "e" as never });

    expect(gitFolderState(join(one.root, ".git"))).toEqual(before);
    expect(one.files()).toEqual(filesBefore);
    expect(one.git("status", "--porcelain=v2")).toBe(statusBefore);
    expect(treeOf(one, first)).toEqual(["a.txt", "new.txt"]);
    expect(one.git("show", `${first}:a.txt`)).toBe("staged, then edited\n");
    expect(one.git("show", `${first}:new.txt`)).toBe("untracked\n");
  });

  it("ORC-34 keeps the ref for the same tree and replaces it for another", async () => {
    let nowMs = NOW_MS;
    const one = workspace({ nowMs: () => nowMs });
    one.write("a.txt", "1\n");
    const ref = await one.capture(0);
    const first = one.git("rev-parse", ref);
    nowMs += 60_000;
    await one.capture(0);
    expect(one.git("rev-parse", ref)).toBe(first);
    one.write("a.txt", "2\n");
    await one.capture(0);
    expect(one.git("rev-parse", ref)).not.toBe(first);
    expect(one.git("show", `${ref}:a.txt`)).toBe("2\n");
  });

  it("ORC-34 takes any file name: spaces, quotes, newline, tab, Unicode, leading dash, bytes that are not UTF-8", async () => {
    const one = workspace();
    const odd = [
      "a b.txt",
      "quo\"te's",
      "new\nline",
      "tab\there",
      "grün-日本-🎉",
      "-dash",
      ":(top)x",
      "git~1",
      "back\\slash",
      "*",
    ];
    for (const name of odd) one.write(name, name);
    one.write("deep folder/ü\n/x", "deep");
    const bytes = Buffer.concat([Buffer.from(`${one.root}/latin-`), Buffer.from([0xe4, 0xff])]);
    writeFileSync(bytes, "bytes");
    const ref = await one.capture(0);
    expect(treeOf(one, ref)).toEqual(expect.arrayContaining([...odd, "deep folder/ü\n/x"]));
    expect(treeOf(one, ref)).toHaveLength(odd.length + 2);
    rmSync(bytes);
    expect(await one.revert(ref)).toEqual([{ path: "latin-\uFFFD\uFFFD", outcome: "restored" }]);
    expect((await one.capture(1)) && one.git("rev-parse", `${THREAD_REF}/1^{tree}`)).toBe(
      one.git("rev-parse", `${ref}^{tree}`),
    );
  });

  it("ORC-34 sees a file that changed in the instant the index was written, at the same size", async () => {
    const one = workspace();
    // The change time can't be forged, so git is told not to look at it.
    one.git("config", "core.trustctime", "false");
    const stamp = new Date(NOW_MS);
    const touch = (path: string) => utimesSync(join(one.root, path), stamp, stamp);
    one.write("a.txt", "aaaa\n");
    touch("a.txt");
    one.git("add", "a.txt");
    touch(".git/index");
    one.write("a.txt", "cccc\n");
    touch("a.txt");
    const ref = await one.capture(0);
    expect(one.git("show", `${ref}:a.txt`)).toBe("cccc\n");
  });

  it("ORC-34 records executables and symbolic links, also broken ones and those that replace a folder", async () => {
    const one = workspace();
    one.write("run.sh", "#!/bin/sh\n", 0o755);
    one.write("folder/inside.txt", "x");
    one.git("add", "-A");
    one.git("commit", "-qm", "first");
    symlinkSync("nowhere", join(one.root, "broken"));
    rmSync(join(one.root, "folder"), { recursive: true });
    mkdirSync(join(one.base, "elsewhere"));
    writeFileSync(join(one.base, "elsewhere", "inside.txt"), "not ours");
    symlinkSync("../elsewhere", join(one.root, "folder"));
    const ref = await one.capture(0);
    const modes = names(one.git("ls-tree", "-r", "-z", ref)).map(
      (line) => `${line.slice(0, 6)} ${line.split("\t")[1]}`,
    );
    expect(modes).toEqual(["120000 broken", "120000 folder", "100755 run.sh"]);
  });

  it("ORC-34 leaves out unreadable and too large untracked files, and says so", async () => {
    const one = workspace({ limits: { maxFileBytes: 1000 } });
    one.write("tracked-large", "x".repeat(2000));
    one.git("add", "-A");
    one.write("large", "x".repeat(1001));
    one.write("fine", "x".repeat(1000));
    const { checkpointRef, skipped } = await one.checkpoints.capture({
      workspaceRoot: one.root,
      threadId: THREAD,
      turnCount: 0,
    });
    expect(skipped).toEqual([{ path: "large", reason: "too-large" }]);
    expect(treeOf(one, checkpointRef)).toEqual(["fine", "tracked-large"]);
    // What a checkpoint left out is not deleted by going back to it.
    one.write("large", "now small");
    expect(await one.revert(checkpointRef)).toEqual([
      { path: "large", outcome: "kept", reason: "the checkpoint left it out: too-large" },
    ]);
    expect(one.read("large")).toBe("now small");
  });

  it("ORC-34 refuses by name what passes a limit, and writes no ref", async () => {
    const one = workspace({ limits: { maxFiles: 2 } });
    for (const name of ["a", "b", "c"]) one.write(name, name);
    const failure = await one.capture(0).catch((error: unknown) => error);
    expect(isCheckpointError(failure, "limit_exceeded") && failure.details).toEqual({ limit: "maxFiles", maximum: 2 });
    expect(one.git("for-each-ref", "refs/muster")).toBe("");
  });

  it("ORC-34 stays at one second or below for 10,000 files with 20 changed", async () => {
    const one = workspace();
    for (let index = 0; index < 10_000; index += 1)
      one.write(`d${index % 100}/f${index}.txt`, `line ${index}\n`.repeat(10));
    one.git("add", "-A");
    one.git("commit", "-qm", "many");
    await one.capture(0);
    // The fastest of three: a busy machine is not what is asked about.
    const tookMs: number[] = [];
    for (const turnCount of [1, 2, 3]) {
      for (let index = 0; index < 20; index += 1) one.write(`d${index}/f${index}.txt`, `changed ${turnCount}\n`);
      const startedMs = performance.now();
      await one.capture(turnCount);
      tookMs.push(performance.now() - startedMs);
    }
    const { files } = await one.checkpoints.diff({
      workspaceRoot: one.root,
      fromRef: `${THREAD_REF}/0` as never,
      toRef: `${THREAD_REF}/3` as never,
    });
    expect(files).toHaveLength(20);
    expect(Math.min(...tookMs)).toBeLessThan(1_000);
  });

  it("ORC-34 captures of two threads in one checkout at once are both right", async () => {
    const one = workspace();
    for (let index = 0; index < 200; index += 1) one.write(`f${index}`, `${index}`);
    const captures = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        one.checkpoints.capture({ workspaceRoot: one.root, threadId: `t${index}` as never, turnCount: 0 }),
      ),
    );
    expect(new Set(captures.map((capture) => capture.treeOid)).size).toBe(1);
    expect(one.git("for-each-ref", "--format=%(refname)", "refs/muster").trim().split("\n")).toHaveLength(8);
  });

  it("ORC-34 runs no hook, filter or monitor of the repository's configuration", async () => {
    const one = workspace();
    const proof = join(one.base, "ran");
    const program = join(one.base, "program.sh");
    writeFileSync(program, `#!/bin/sh\ntouch ${proof}\ncat\n`);
    chmodSync(program, 0o755);
    for (const name of ["reference-transaction", "post-index-change", "pre-commit"])
      one.write(`.git/hooks/${name}`, `#!/bin/sh\ntouch ${proof}\n`, 0o755);
    for (const setting of [
      "filter.evil.clean",
      "filter.evil.smudge",
      "diff.evil.textconv",
      "diff.evil.command",
      "diff.external",
      "core.fsmonitor",
      "core.pager",
    ]) {
      one.git("config", setting, program);
    }
    one.write(".gitattributes", "* filter=evil diff=evil\n");
    one.write("a.txt", "1\n");
    const first = await one.capture(0);
    one.write("a.txt", "2\n");
    const second = await one.capture(1);
    const diff = await one.checkpoints.diff({ workspaceRoot: one.root, fromRef: first, toRef: second });
    await one.revert(first);
    expect(diff.diff).toContain("+2");
    expect(() => one.git("hash-object", "--no-filters", proof)).toThrow();
  });
});

const THREAD_REF = `refs/muster/checkpoints/${THREAD}/turn`;
