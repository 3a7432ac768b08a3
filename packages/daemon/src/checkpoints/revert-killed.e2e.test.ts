// A thread's revert killed at every step that changes something, in a process of its own, and done again by another.
import { spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CheckpointRef, EventId, ThreadId } from "@muster/contracts";
import { afterEach, describe, expect, it } from "vitest";
import { Checkpoints } from "./index.ts";
import { makeWorkspace, NOW_MS, runTestGit, type TestWorkspace, testEnvironment } from "./test-workspace.ts";

const made: TestWorkspace[] = [];
afterEach(() => {
  for (const one of made.splice(0)) one.remove();
});

const A = "thread-a" as ThreadId;
const B = "thread-b" as ThreadId;
const EVENT = "event-1" as EventId;
const KILLED_MAX = 200;
/** Where the run keeps what Node compiled. */
const { NODE_COMPILE_CACHE } = process.env;

/** All of a revert as a runner does it, in a process that ends itself before its step number `killAt`. */
const SCRIPT = `
import files from "node:fs/promises";
import processes from "node:child_process";
import { flushCompileCache, syncBuiltinESMExports } from "node:module";
const [workspaceRoot, dataDir, killAt] = process.argv.slice(-3);
let steps = 0;
const step = () => {
  steps += 1;
  if (steps === Number(killAt)) process.kill(process.pid, "SIGKILL");
};
const below = (path) => Buffer.from(path).toString("latin1").startsWith(Buffer.from(workspaceRoot).toString("latin1"));
for (const name of ["rename", "unlink", "rmdir", "symlink", "mkdir", "open", "rm"]) {
  const real = files[name];
  files[name] = (...request) => {
    if (request.some((path) => (typeof path === "string" || Buffer.isBuffer(path)) && below(path))) step();
    return real(...request);
  };
}
const { spawn } = processes;
processes.spawn = (binary, args, options) => {
  if (args.some((one) => ["update-ref", "commit-tree", "write-tree", "update-index"].includes(one))) step();
  return spawn(binary, args, options);
};
syncBuiltinESMExports();
const { Checkpoints } = await import(${JSON.stringify(join(import.meta.dirname, "index.ts"))});
// Killed, it would keep nothing of what it compiled.
if (killAt === "0") flushCompileCache();
const checkpoints = new Checkpoints({ dataDir, nowMs: () => ${NOW_MS} + 1_000, environment: process.env });
const request = { workspaceRoot, threadId: "${A}", eventId: "${EVENT}", turnCount: 0 };
const { currentRef: fromRef } = await checkpoints.safety(request);
const toRef = "refs/muster/checkpoints/${A}/turn/0";
const report = await checkpoints.restoreThread({ ...request, fromRef, toRef, isRunning: () => false });
await checkpoints.dropAfter(request);
process.stdout.write(JSON.stringify({ report, steps }));
`;

interface Ended {
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function revertInChild(one: TestWorkspace, killAt: number): Promise<Ended> {
  const { PATH = "", ...environment } = testEnvironment(one.home);
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", SCRIPT, "--", one.root, join(one.base, "data"), `${killAt}`],
    {
      env: { ...environment, PATH: `${dirname(process.execPath)}:${PATH}`, NODE_COMPILE_CACHE },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (chunk: Buffer) => {
      said[name] += chunk.toString("utf8");
    });
  return new Promise((resolve) => child.once("close", (_code, signal) => resolve({ signal, ...said })));
}

/** Two threads' turns in one folder; the first one's is to be taken back. */
async function twoThreads(one: TestWorkspace, checkpoints: Checkpoints): Promise<void> {
  const request = { workspaceRoot: one.root, threadId: A };
  one.write("edited", "0");
  one.write("run", "0", 0o755);
  one.write("deep/gone/file", "0");
  one.write("was-file", "0");
  one.write("was-folder/inside", "0");
  one.write("shared", "0");
  symlinkSync("edited", join(one.root, "link"));
  await checkpoints.capture({ ...request, turnCount: 0 });
  await checkpoints.captureStart({ ...request, turnCount: 1 });
  one.write("edited", "A");
  chmodSync(join(one.root, "run"), 0o644);
  rmSync(join(one.root, "deep"), { recursive: true });
  rmSync(join(one.root, "was-file"));
  one.write("was-file/now", "A");
  rmSync(join(one.root, "was-folder"), { recursive: true });
  one.write("was-folder", "A");
  rmSync(join(one.root, "link"));
  symlinkSync("nowhere", join(one.root, "link"));
  one.write("shared", "A");
  one.write("new/a", "A");
  await checkpoints.capture({ ...request, turnCount: 1 });
  await checkpoints.captureStart({ workspaceRoot: one.root, threadId: B, turnCount: 1 });
  one.write("shared", "B");
  one.write("new/b", "B");
  await checkpoints.capture({ workspaceRoot: one.root, threadId: B, turnCount: 1 });
  one.write("by-hand", "mine");
}

/** Every ref with its tree; `again` is where the second try found the files, and may be there or not. */
function refsOf(one: TestWorkspace, isGit: boolean, shadow: string): string[] {
  const folder = isGit ? one.root : shadow;
  const format = "--format=%(refname) %(tree)";
  return runTestGit(folder, testEnvironment(one.home), ["for-each-ref", format, "refs/"])
    .trim()
    .split("\n")
    .filter((line) => !line.includes("/again/"));
}

describe("a thread's revert that is killed", () => {
  for (const init of [undefined, false] as const) {
    const isGit = init === undefined;
    it(`ORC-35 at any step and done again ends as if it had not been (${isGit ? "git" : "no repository"})`, async () => {
      const one = makeWorkspace(isGit ? {} : { init: false });
      made.push(one);
      let now = NOW_MS;
      const open = () =>
        new Checkpoints({
          dataDir: join(one.base, "data"),
          nowMs: () => {
            now += 1;
            return now;
          },
          environment: testEnvironment(one.home),
        });
      await twoThreads(one, open());
      const shadows = join(one.base, "data", "checkpoints", "shadow");
      const shadow = isGit ? "" : join(shadows, readdirSync(shadows)[0] ?? "");
      const edited = one.files();
      const kept = join(one.base, "kept");
      const copy = (from: string, to: string) =>
        cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
      mkdirSync(kept);
      for (const name of ["work", "data"]) copy(join(one.base, name), join(kept, name));

      const whole = await revertInChild(one, 0);
      expect([whole.stderr, whole.signal]).toEqual(["", null]);
      const { report, steps } = JSON.parse(whole.stdout) as { report: { path: string }[]; steps: number };
      const files = one.files();
      const refs = refsOf(one, isGit, shadow);
      expect(files).toMatchObject({ edited: "file 0", shared: "file B", "new/b": "file B", "by-hand": "file mine" });
      expect(report.map(({ path }) => path)).toEqual([
        ...["deep/gone/file", "edited", "link", "new/a", "run", "shared", "was-file", "was-file/now"],
        ...["was-folder", "was-folder/inside"],
      ]);
      expect(steps).toBeGreaterThan(30);
      expect(steps).toBeLessThan(KILLED_MAX);

      for (let killAt = 1; killAt <= steps; killAt += 1) {
        for (const name of ["work", "data"]) {
          rmSync(join(one.base, name), { recursive: true });
          copy(join(kept, name), join(one.base, name));
        }
        const killed = await revertInChild(one, killAt);
        expect([killAt, killed.stderr, killed.signal]).toEqual([killAt, "", "SIGKILL"]);
        const checkpoints = open();
        const request = { workspaceRoot: one.root, threadId: A, eventId: EVENT, turnCount: 0 };
        const { currentRef: fromRef, checkpointRef } = await checkpoints.safety(request);
        const toRef = `refs/muster/checkpoints/${A}/turn/0` as CheckpointRef;
        const again = await checkpoints.restoreThread({ ...request, fromRef, toRef, isRunning: () => false });
        await checkpoints.dropAfter(request);
        expect({ killAt, files: one.files() }).toEqual({ killAt, files });
        expect({ killAt, refs: refsOf(one, isGit, shadow) }).toEqual({ killAt, refs });
        expect({ killAt, report: again }).toEqual({ killAt, report });

        // What the revert took away is still to be had.
        if (killAt % 10 !== 0) continue;
        const back = await checkpoints.safety({ ...request, eventId: "event-2" as EventId });
        await checkpoints.restore({ workspaceRoot: one.root, fromRef: back.currentRef, toRef: checkpointRef });
        expect({ killAt, files: one.files() }).toEqual({ killAt, files: edited });
      }
    });
  }
});
