// How long a checkpoint takes for 10,000 files of which 20 changed, beside its physical limit: bare
// `git add -A` and `git write-tree` on a copy of the index, which make the same tree and no ref.
// Run: node bench/checkpoints.bench.ts [--json] [--rounds 15]
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type CheckpointRef, ThreadId } from "@muster/contracts";

/** What is measured. The daemon's package does not export it, so the folder's door is loaded by its place. */
interface Measured {
  readonly Checkpoints: new (options: {
    dataDir: string;
    nowMs: () => number;
    environment: Readonly<Record<string, string | undefined>>;
  }) => {
    capture(request: { workspaceRoot: string; threadId: ThreadId; turnCount: number }): Promise<unknown>;
    diff(request: { workspaceRoot: string; fromRef: CheckpointRef; toRef: CheckpointRef }): Promise<unknown>;
    restore(request: { workspaceRoot: string; fromRef: CheckpointRef; toRef: CheckpointRef }): Promise<unknown>;
    list(request: { workspaceRoot: string; threadId: ThreadId }): Promise<{ checkpointRef: CheckpointRef }[]>;
  };
}
const door = new URL("../packages/daemon/src/checkpoints/index.ts", import.meta.url);
const { Checkpoints }: Measured = await import(door.href);

const FILES = 10_000;
const CHANGED = 20;
const TARGET_MS = 1_000;

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "15" } },
});
const rounds = Number(values.rounds);
const base = mkdtempSync(join(tmpdir(), "muster-bench-checkpoints-"));
const root = join(base, "work");
const git = (args: readonly string[], env: Record<string, string> = {}) =>
  execFileSync("git", args, { cwd: root, env: { ...process.env, ...env }, encoding: "utf8" });
const pathOf = (index: number) => join(root, `folder-${index % 200}`, `file-${index}.txt`);

function changeFiles(round: number): void {
  for (let index = 0; index < CHANGED; index += 1) {
    writeFileSync(pathOf((index * 497 + round) % FILES), `round ${round}, file ${index}\n`.repeat(50));
  }
}

function median(times: readonly number[]): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function measure(prepare: (round: number) => void, work: (round: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    prepare(round);
    const startedMs = performance.now();
    await work(round);
    times.push(performance.now() - startedMs);
  }
  return times;
}

try {
  mkdirSync(root);
  git(["init", "--quiet"]);
  for (let folder = 0; folder < 200; folder += 1) mkdirSync(join(root, `folder-${folder}`));
  for (let index = 0; index < FILES; index += 1) writeFileSync(pathOf(index), `file ${index}\n`.repeat(100));
  git(["add", "-A"]);
  git(["-c", "user.name=Bench", "-c", "user.email=bench@example.com", "commit", "--quiet", "-m", "files"]);

  const checkpoints = new Checkpoints({ dataDir: join(base, "data"), nowMs: Date.now, environment: process.env });
  const threadId = ThreadId.parse("bench");
  const request = { workspaceRoot: root, threadId };
  await checkpoints.capture({ ...request, turnCount: 0 });

  const limitTimes = await measure(changeFiles, async () => {
    const GIT_INDEX_FILE = join(base, "index");
    copyFileSync(join(root, ".git", "index"), GIT_INDEX_FILE);
    git(["add", "-A"], { GIT_INDEX_FILE });
    git(["write-tree"], { GIT_INDEX_FILE });
  });
  const captureTimes = await measure(
    (round) => changeFiles(rounds + round),
    (round) => checkpoints.capture({ ...request, turnCount: round }),
  );
  const refs = (await checkpoints.list(request)).map((entry) => entry.checkpointRef);
  const [first, last] = [refs[0], refs.at(-1)];
  if (first === undefined || last === undefined) throw new Error("no checkpoint was taken");
  const diffTimes = await measure(
    () => undefined,
    () => checkpoints.diff({ workspaceRoot: root, fromRef: first, toRef: last }),
  );
  const safetyRef = last;
  const restoreTimes = await measure(
    () => undefined,
    (round) =>
      checkpoints.restore({
        workspaceRoot: root,
        fromRef: round % 2 === 1 ? safetyRef : first,
        toRef: round % 2 === 1 ? first : safetyRef,
      }),
  );

  const result = {
    name: "checkpoints",
    files: FILES,
    changed: CHANGED,
    rounds,
    node: process.version,
    git: git(["--version"]).trim(),
    processors: availableParallelism(),
    targetMs: TARGET_MS,
    captureMedianMs: median(captureTimes),
    captureSlowestMs: Math.max(...captureTimes),
    limitMedianMs: median(limitTimes),
    diffMedianMs: median(diffTimes),
    restoreMedianMs: median(restoreTimes),
    withinTarget: median(captureTimes) <= TARGET_MS,
  };
  if (values.json) {
    console.log(JSON.stringify(result));
  } else {
    const ms = (time: number) => `${time.toFixed(0).padStart(6)} ms`;
    console.log(`${FILES} files, ${CHANGED} changed, median of ${rounds} rounds (${result.git}, Node ${result.node})`);
    console.log(`capture                    ${ms(result.captureMedianMs)}   target ${TARGET_MS} ms`);
    console.log(`bare add -A + write-tree   ${ms(result.limitMedianMs)}   the physical limit`);
    console.log(`diff                       ${ms(result.diffMedianMs)}`);
    console.log(`restore                    ${ms(result.restoreMedianMs)}`);
  }
  if (!result.withinTarget) process.exitCode = 1;
} finally {
  rmSync(base, { recursive: true, force: true });
}
