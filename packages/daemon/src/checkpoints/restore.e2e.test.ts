import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { isCheckpointError } from "./index.ts";
import { EVENT, THREAD } from "./test-workspace.ts";
import { workspacesOfTest } from "./test-workspaces.ts";

const workspace = workspacesOfTest();

async function refusal(work: Promise<unknown>) {
  const failure = await work.catch((error: unknown) => error);
  if (!isCheckpointError(failure, "restore_refused")) throw new Error(`not refused: ${String(failure)}`);
  return failure.details.paths;
}

describe("restore", () => {
  for (const init of [["--object-format=sha1"], ["--object-format=sha256"], false] as const) {
    it(`ORC-35 brings back every file, mode and link, byte for byte (${init === false ? "no repository" : init[0]})`, async () => {
      const one = workspace({ init });
      one.write("same.txt", "same");
      one.write("edited.txt", "one\r\ntwo\n");
      one.write("deleted/deep/file.bin", Buffer.from([0, 255, 10, 13]));
      one.write("run.sh", "echo\n", 0o755);
      one.write("secret", "private", 0o600);
      one.write("was-file", "file");
      one.write("was-folder/a/b", "inside");
      one.write("new\nline ü", "odd");
      symlinkSync("edited.txt", join(one.root, "link"));
      symlinkSync("was-folder", join(one.root, "was-link"));
      const before = one.files();
      const ref = await one.capture(0);

      one.write("edited.txt", "three\n");
      rmSync(join(one.root, "deleted"), { recursive: true });
      chmodSync(join(one.root, "run.sh"), 0o644);
      one.write("secret", "leaked");
      rmSync(join(one.root, "was-file"));
      one.write("was-file/now/folder", "x");
      rmSync(join(one.root, "was-folder"), { recursive: true });
      one.write("was-folder", "now file");
      rmSync(join(one.root, "new\nline ü"));
      rmSync(join(one.root, "link"));
      symlinkSync("elsewhere", join(one.root, "link"));
      rmSync(join(one.root, "was-link"));
      one.write("was-link/real/folder", "x");
      one.write("added/by/turn.txt", "x");

      const report = await one.revert(ref);

      expect(one.files()).toEqual(before);
      expect(existsSync(join(one.root, "added"))).toBe(false);
      expect(lstatSync(join(one.root, "secret")).mode & 0o777).toBe(0o600);
      expect(new Set(report.map((entry) => entry.outcome))).toEqual(new Set(["restored", "deleted"]));
      expect(report.map((entry) => entry.path)).not.toContain("same.txt");
    });
  }

  it("ORC-35 can itself be reverted, from its safety checkpoint", async () => {
    const one = workspace();
    one.write("a", "1");
    const ref = await one.capture(0);
    one.write("a", "2");
    one.write("b", "2");
    const later = one.files();
    await one.revert(ref);
    expect(one.files()).not.toEqual(later);
    const back = await one.checkpoints.safety({ workspaceRoot: one.root, threadId: THREAD, eventId: "e2" as never });
    const report = await one.checkpoints.restore({
      workspaceRoot: one.root,
      fromRef: back.checkpointRef,
      toRef: `refs/muster/checkpoints/${THREAD}/safety/${EVENT}` as never,
    });
    expect(report).toEqual([
      { path: "a", outcome: "restored" },
      { path: "b", outcome: "restored" },
    ]);
    expect(one.files()).toEqual(later);
  });

  it("ORC-35 leaves ignored files alone, also when the turn changed what is ignored", async () => {
    const one = workspace();
    one.write(".gitignore", ".env\nsub/*.key\nlogs/\n");
    one.write(".env", "SECRET");
    one.write("sub/my.key", "KEY");
    one.write("logs/today", "LOG");
    const ref = await one.capture(0);
    one.write(".gitignore", "later-ignored\n");
    one.write("later-ignored", "x");
    one.write("junk", "x");
    const report = await one.revert(ref);
    const reason = "ignored in the state that is restored";
    expect(report).toEqual([
      { path: ".env", outcome: "kept", reason },
      { path: ".gitignore", outcome: "restored" },
      { path: "junk", outcome: "deleted" },
      { path: "logs/today", outcome: "kept", reason },
      { path: "sub/my.key", outcome: "kept", reason },
    ]);
    expect([one.read(".env"), one.read("sub/my.key"), one.read("logs/today"), one.read("later-ignored")]).toEqual([
      "SECRET",
      "KEY",
      "LOG",
      "x",
    ]);
  });

  it("ORC-35 does not overwrite an ignored file that stands where the checkpoint had one", async () => {
    const one = workspace();
    one.write("config", "old");
    const ref = await one.capture(0);
    one.write(".gitignore", "config\n");
    one.write("config", "ignored now, in no safety checkpoint");
    expect(await one.revert(ref)).toEqual([
      { path: ".gitignore", outcome: "deleted" },
      { path: "config", outcome: "kept", reason: "not in the safety checkpoint: ignored or left out there" },
    ]);
    expect(one.read("config")).toBe("ignored now, in no safety checkpoint");
  });

  it("ORC-35 refuses all, before a file is touched, when a folder with other content is in the way", async () => {
    const one = workspace();
    one.write(".gitignore", "*.log\n");
    one.write("a", "1");
    one.write("b", "1");
    const ref = await one.capture(0);
    rmSync(join(one.root, "a"));
    one.write("a/kept.log", "ignored, so in no checkpoint");
    one.write("b", "2");
    const before = one.files();
    expect(await refusal(one.revert(ref))).toEqual([{ path: "a", reason: "a directory is in the way" }]);
    expect(one.files()).toEqual(before);
  });

  it("ORC-35 refuses to write or delete through a symbolic link that leads out of the workspace", async () => {
    const one = workspace();
    mkdirSync(join(one.base, "outside"));
    writeFileSync(join(one.base, "outside", "file"), "not ours");
    one.write("folder/file", "1");
    one.write("other", "1");
    const ref = await one.capture(0);
    one.write("folder/file", "2");
    one.write("other", "2");
    const safety = await one.checkpoints.safety({ workspaceRoot: one.root, threadId: THREAD, eventId: EVENT });
    renameSync(join(one.root, "folder"), join(one.base, "moved"));
    symlinkSync("../outside", join(one.root, "folder"));
    expect(
      await refusal(one.checkpoints.restore({ workspaceRoot: one.root, fromRef: safety.checkpointRef, toRef: ref })),
    ).toEqual([{ path: "folder/file", reason: "beyond the symbolic link folder" }]);
    expect([readFileSync(join(one.base, "outside", "file"), "utf8"), one.read("other")]).toEqual(["not ours", "2"]);
  });

  it("ORC-35 refuses when a file changed after the safety checkpoint", async () => {
    const one = workspace();
    one.write("a", "1");
    const ref = await one.capture(0);
    one.write("a", "2");
    const safety = await one.checkpoints.safety({ workspaceRoot: one.root, threadId: THREAD, eventId: EVENT });
    one.write("a", "3");
    expect(
      await refusal(one.checkpoints.restore({ workspaceRoot: one.root, fromRef: safety.checkpointRef, toRef: ref })),
    ).toEqual([{ path: "a", reason: "changed since the safety checkpoint" }]);
    expect(one.read("a")).toBe("3");
  });

  it("ORC-35 does again what is done already without touching it", async () => {
    const one = workspace();
    one.write("a", "1");
    const ref = await one.capture(0);
    one.write("a", "2");
    one.write("b", "2");
    const safety = await one.checkpoints.safety({ workspaceRoot: one.root, threadId: THREAD, eventId: EVENT });
    const request = { workspaceRoot: one.root, fromRef: safety.checkpointRef, toRef: ref };
    const first = await one.checkpoints.restore(request);
    const stamp = lstatSync(join(one.root, "a")).mtimeMs;
    expect(await one.checkpoints.restore(request)).toEqual(first);
    expect(lstatSync(join(one.root, "a")).mtimeMs).toBe(stamp);
  });

  it("ORC-35 refuses when a folder is not writable, before a file is touched", () => {
    const one = workspace();
    // Root may write everywhere, so this runs as another user where the tests run as root.
    const script = `
      import { Checkpoints } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
      import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
      const workspaceRoot = ${JSON.stringify(one.root)};
      const checkpoints = new Checkpoints({ dataDir: ${JSON.stringify(join(one.base, "mine"))}, nowMs: () => 0, environment: process.env });
      const id = { workspaceRoot, threadId: "t", eventId: "e", turnCount: 0 };
      const { checkpointRef: toRef } = await checkpoints.capture(id);
      writeFileSync(workspaceRoot + "/open", "2");
      writeFileSync(workspaceRoot + "/locked/file", "2");
      writeFileSync(workspaceRoot + "/unreadable", "2", { mode: 0 });
      mkdirSync(workspaceRoot + "/closed");
      writeFileSync(workspaceRoot + "/closed/file", "2");
      chmodSync(workspaceRoot + "/closed", 0);
      const safety = await checkpoints.safety(id);
      chmodSync(workspaceRoot + "/locked", 0o555);
      const failure = await checkpoints.restore({ workspaceRoot, fromRef: safety.checkpointRef, toRef }).catch((error) => error);
      process.stdout.write(JSON.stringify({ skipped: safety.skipped, code: failure.code, details: failure.details }));`;
    one.write("open", "1");
    one.write("locked/file", "1");
    const isRoot = process.getuid?.() === 0;
    const owner = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    if (isRoot) {
      for (const path of ["", "work", "work/open", "work/locked", "work/locked/file"])
        chownSync(join(one.base, path), 65_534, 65_534);
      spawnSync("chown", ["-R", "65534:65534", join(one.root, ".git")]);
    }
    const ran = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      ...owner,
      cwd: one.base,
      env: { PATH: dirname(process.execPath), HOME: one.base, ...pathOfGit() },
      encoding: "utf8",
    });
    for (const folder of ["locked", "closed"]) chmodSync(join(one.root, folder), 0o755);
    expect(ran.stderr).toBe("");
    expect(JSON.parse(ran.stdout)).toEqual({
      skipped: [{ path: "unreadable", reason: "not-readable" }],
      code: "restore_refused",
      details: { paths: [{ path: "locked/file", reason: "the folder is not writable: locked" }] },
    });
    expect(one.read("open")).toBe("2");
  });

  it("ORC-35 restores 2,000 files", async () => {
    const one = workspace();
    for (let index = 0; index < 2_000; index += 1) one.write(`d${index % 20}/f${index}`, `${index}`);
    const before = one.files();
    const ref = await one.capture(0);
    for (let index = 0; index < 20; index += 1) rmSync(join(one.root, `d${index}`), { recursive: true });
    const report = await one.revert(ref);
    expect(report).toHaveLength(2_000);
    expect(one.files()).toEqual(before);
  });
});

function pathOfGit(): Record<string, string> {
  return { PATH: process.env.PATH ?? "" };
}
