// What stands between a fresh clone and the program: installs what is missing, finds a Node that can run
// TypeScript, builds the console when it is stale, and becomes the program. It runs on Node 18 and newer and
// imports nothing but Node itself, because nothing else is there yet.
//
//   node scripts/bootstrap.mjs up --port 0         the muster command with these arguments
//   node scripts/bootstrap.mjs --script test a/b   scripts/test.ts with these arguments
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBundle } from "./bootstrap/bundle.mjs";
import { ensureInstalled } from "./bootstrap/install.mjs";
import { BootstrapError, become, Interrupted } from "./bootstrap/run.mjs";
import { chooseNode } from "./bootstrap/runtime.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");
/** What serves the console, or tests it. */
const needsBundle = new Set(["up", "demo", "hub", "--script test"]);

/**
 * @param {string[]} args what the person typed
 * @returns {{ file: string, args: string[], name: string }} what to run for it
 */
function target(args) {
  if (args[0] !== "--script") return { file: join(root, "packages/cli/bin/muster.mjs"), args, name: args[0] ?? "" };
  const [, script = "", ...rest] = args;
  const candidates = [`scripts/${script}.ts`, `${script}/run.ts`].map((path) => join(root, path));
  const file = /^[a-z]+$/.test(script) ? candidates.find((path) => existsSync(path)) : undefined;
  if (!file) throw new BootstrapError(`There is no script named "${script}" in this checkout.`);
  return { file, args: rest, name: `--script ${script}` };
}

async function main() {
  const wanted = target(process.argv.slice(2));
  await ensureInstalled(root);
  const node = chooseNode({ root, version: process.versions.node, execPath: process.execPath });
  if (needsBundle.has(wanted.name)) await ensureBundle(root, node);
  await become(node, ["--disable-warning=ExperimentalWarning", wanted.file, ...wanted.args]);
}

main().catch((error) => {
  if (error instanceof Interrupted) return process.kill(process.pid, error.signal);
  // One sentence for what the person can mend; a bug keeps its stack.
  console.error(error instanceof BootstrapError ? error.message : error);
  process.exitCode = 1;
});
