// What Node compiled is kept for the next command, in the checkout and for our own sources only. The command runs from a
// checkout that has the sources of this one and a node_modules of its own.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Finished, makeThread, Place, type Running, ready, repository, run, startTurn, until } from "./muster.ts";
import { processesOf } from "./processes.ts";

const BIN = "packages/cli/bin/muster.mjs";
const unset = { NODE_COMPILE_CACHE: undefined, NODE_DISABLE_COMPILE_CACHE: undefined };

let place: Place;
let checkout: string;
let cache: string;

beforeEach(() => {
  place = new Place();
  checkout = join(place.root, "checkout");
  cache = join(checkout, "node_modules/.cache/muster-compile");
  mkdirSync(dirname(join(checkout, BIN)), { recursive: true });
  copyFileSync(join(repository, BIN), join(checkout, BIN));
  symlinkSync(join(repository, "packages/cli/src"), join(checkout, "packages/cli/src"));
});
afterEach(() => place.clear());

const start = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Running =>
  run(process.execPath, [join(checkout, BIN), ...args], { cwd: place.work, env: { ...place.env, ...unset, ...env } });

const version = (env?: NodeJS.ProcessEnv): Promise<Finished> => start(["--version"], env).finished;
/** Node says on standard error or output what it takes from the cache. */
const spoken = { NODE_DEBUG_NATIVE: "COMPILE_CACHE" };
const taken = ({ stdout, stderr }: Finished, file: string): boolean =>
  new RegExp(`V8 code cache for ESM file://\\S*${file} was accepted`).test(stdout + stderr);

test("a command keeps what Node compiled in its checkout, and the next one takes it from there", async () => {
  const first = await version();
  expect(readdirSync(cache)).toHaveLength(1);
  const second = await version(spoken);
  expect(first).toMatchObject({ exitCode: 0, stderr: "" });
  expect(taken(second, "/cli/src/program.ts")).toBe(true);
});

test("where what Node compiled cannot be kept, a command answers as ever", async () => {
  mkdirSync(join(checkout, "node_modules"));
  writeFileSync(join(checkout, "node_modules/.cache"), "no folder");
  const answer = await version();
  expect(answer).toMatchObject({ exitCode: 0, stderr: "" });
  expect(answer.stdout).toMatch(/\d/);
});

test("a place that the user named for it, or a refusal, goes before ours", async () => {
  const own = join(place.root, "own");
  await version({ NODE_COMPILE_CACHE: own });
  await version({ NODE_DISABLE_COMPILE_CACHE: "1" });
  expect(existsSync(own)).toBe(true);
  expect(existsSync(cache)).toBe(false);
});

test("the store's threads take what Node compiled too, and no agent is told the place", async () => {
  const up = ["up", "--json", "--port", "0", "--workspace-root", place.work];
  const first = await ready(start(up));
  // Its configuration passes the name on, so that it would have it if Muster's own environment had.
  const threadId = await makeThread(first.client, place.repository("project"));
  await startTurn(first.client, threadId, "hang");
  const agent = await until("the agent", () =>
    processesOf(place.root).find(({ command }) => command.includes("sample-agent.ts")),
  );
  const environment = readFileSync(`/proc/${agent.pid}/environ`, "utf8");
  expect(environment).toContain("PATH=");
  expect(environment).not.toContain("COMPILE_CACHE");
  first.child.kill("SIGTERM");
  await first.finished;

  const second = await ready(start(up, spoken));
  second.child.kill("SIGTERM");
  expect(taken(await second.finished, "/store/src/sqlite/threads/worker.ts")).toBe(true);
});
