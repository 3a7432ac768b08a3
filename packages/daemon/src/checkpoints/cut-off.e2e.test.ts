import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { EVENT, type TestWorkspace, THREAD, testEnvironment } from "./test-workspace.ts";
import { workspacesOfTest } from "./test-workspaces.ts";

const makeWorkspace = workspacesOfTest();
const workspace = (init?: false): TestWorkspace => makeWorkspace(init === undefined ? {} : { init });

const FILES = 200;
const names = Array.from({ length: FILES }, (_, index) => `d${index % 7}/f${index}`);
const fill = (one: TestWorkspace, what: string) => {
  for (const name of names) one.write(name, `${what} ${name}`);
};
const temporaries = (one: TestWorkspace) =>
  Object.keys(one.files()).filter((path) => path.includes(".muster-restore-"));

/** A safety checkpoint and a restore to turn 0 in a process of its own, killed at its hundredth file. */
function killedRevert(one: TestWorkspace): void {
  const script = `
    import files from "node:fs/promises";
    import { syncBuiltinESMExports } from "node:module";
    const { rename } = files;
    let renames = 0;
    const { Checkpoints } = await import(${JSON.stringify(join(import.meta.dirname, "index.ts"))});
    const workspaceRoot = ${JSON.stringify(one.root)};
    const dataDir = ${JSON.stringify(join(one.base, "data"))};
    const checkpoints = new Checkpoints({ dataDir, nowMs: () => 0, environment: process.env });
    const safety = await checkpoints.safety({ workspaceRoot, threadId: "${THREAD}", eventId: "${EVENT}" });
    files.rename = async (from, to) => {
      renames += 1;
      if (renames === 100) process.kill(process.pid, "SIGKILL");
      await rename(from, to);
    };
    syncBuiltinESMExports();
    await checkpoints.restore({ workspaceRoot, fromRef: safety.currentRef, toRef: "refs/muster/checkpoints/${THREAD}/turn/0" });`;
  const { PATH = "", ...environment } = testEnvironment(one.home);
  const ran = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...environment, PATH: `${dirname(process.execPath)}:${PATH}` },
    encoding: "utf8",
  });
  expect([ran.stderr, ran.signal]).toEqual(["", "SIGKILL"]);
}

describe("a restore that is killed in the middle", () => {
  for (const init of [undefined, false] as const) {
    const where = init === false ? "no repository" : "git";
    it(`ORC-35 and done again keeps the safety checkpoint of before it (${where})`, async () => {
      const one = workspace(init);
      fill(one, "turn");
      const before = one.files();
      const toRef = await one.capture(0);
      fill(one, "hand");
      one.write("by-hand", "mine");
      const edited = one.files();

      killedRevert(one);
      const half = names.filter((name) => one.read(name).startsWith("hand"));
      expect(half.length).toBeGreaterThan(0);
      expect(half.length).toBeLessThan(FILES);
      expect(temporaries(one)).not.toEqual([]);

      const request = { workspaceRoot: one.root, threadId: THREAD, eventId: EVENT };
      const safety = await one.checkpoints.safety(request);
      expect(safety.checkpointRef).toBe(`refs/muster/checkpoints/${THREAD}/safety/${EVENT}`);
      expect(safety.currentRef).toBe(`refs/muster/checkpoints/${THREAD}/again/${EVENT}`);
      const report = await one.checkpoints.restore({ workspaceRoot: one.root, fromRef: safety.currentRef, toRef });
      expect(report.filter(({ outcome }) => outcome === "failed" || outcome === "kept")).toEqual([]);
      expect(one.files()).toEqual(before);

      // The revert of the revert: every edit is back.
      const back = await one.checkpoints.safety({ ...request, eventId: "0199cccc-event" as never });
      await one.checkpoints.restore({ workspaceRoot: one.root, fromRef: back.currentRef, toRef: safety.checkpointRef });
      expect(one.files()).toEqual(edited);
    });
  }

  it("ORC-34 leaves temporary files that no checkpoint holds; ORC-35 the next restore removes them, and no other file", async () => {
    const one = workspace();
    fill(one, "turn");
    await one.capture(0);
    fill(one, "hand");
    killedRevert(one);
    expect(temporaries(one)).not.toEqual([]);
    one.write(`.muster-restore-${process.ppid}-1`, "of a process that lives");
    one.write("d1/.muster-restore-notes", "the user's own");
    const halfRef = await one.capture(1);
    expect(
      one
        .git("ls-tree", "-r", "--name-only", halfRef)
        .split("\n")
        .filter((path) => path.includes("muster")),
    ).toEqual(["d1/.muster-restore-notes"]);
    rmSync(join(one.root, "d2"), { recursive: true });
    const report = await one.revert(halfRef);
    expect(report.filter(({ path }) => path.includes("muster"))).toEqual([]);
    expect(temporaries(one).sort()).toEqual([`.muster-restore-${process.ppid}-1`, "d1/.muster-restore-notes"]);
  });
});
