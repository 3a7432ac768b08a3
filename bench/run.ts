// npm run bench, or node bench/run.ts <name…> [--json] and the benchmark's own options; without a name all of them, one
// after the other, each in a process of its own. docs/performance.md says what each measures. Not part of the tests.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const BENCHMARKS: Readonly<Record<string, string>> = {
  dispatch: "./dispatch.ts",
  "http-dispatch": "./http-dispatch.ts",
  "event-loop": "./event-loop.ts",
  "large-store": "./large-store.ts",
  memory: "./memory.ts",
  rebuild: "./rebuild.ts",
  feed: "./feed.ts",
  growth: "./growth.ts",
  "store-loop": "./store-loop.ts",
  sweep: "./sweep.ts",
  uplinks: "./uplinks.ts",
  checkpoints: "./checkpoints.bench.ts",
};

const given = process.argv.slice(2);
const firstOption = given.findIndex((word) => word.startsWith("-"));
const names = firstOption === -1 ? given : given.slice(0, firstOption);
const args = given.slice(names.length);
const chosen = names.length > 0 ? names : Object.keys(BENCHMARKS);
for (const one of chosen) {
  const file = BENCHMARKS[one];
  if (file === undefined) {
    console.error(`There is no benchmark named "${one}". There are: ${Object.keys(BENCHMARKS).join(", ")}.`);
    process.exitCode = 2;
    break;
  }
  if (!args.includes("--json")) console.log(`\n${one}`);
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], {
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = status ?? 1;
}
