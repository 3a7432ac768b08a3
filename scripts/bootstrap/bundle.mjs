// The console's bundle is built from the sources that are here, judged by content. A build goes into a directory
// of its own and is renamed into place, so that nobody ever serves half a bundle and a failed build leaves the
// last good one.
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesUnder, hashFiles, readIfThere } from "./content.mjs";
import { withMutex } from "./mutex.mjs";
import { BootstrapError, run } from "./run.mjs";

const inputs = [
  ...["src", "public", "index.html", "vite.config.ts", "package.json", "tsconfig.json"].map(
    (path) => `packages/console/${path}`,
  ),
  ...["contracts", "core", "client"].map((name) => `packages/${name}/src`),
  "package-lock.json",
];
const hashFile = ".content-hash";

/**
 * Builds the console when its bundle is missing or stale; does nothing in a checkout without a console.
 * @param {string} root @param {string} node the Node that runs the build
 */
export async function ensureBundle(root, node) {
  if (!existsSync(join(root, "packages/console/index.html"))) return;
  if (!isStale(root)) return;
  await withMutex(
    join(root, ".muster-bundle"),
    async () => {
      if (!isStale(root)) return;
      console.error("Building the console; this happens once per change of its sources.");
      await build(root, node);
    },
    (pid) => console.error(`Waiting for process ${pid}, which builds the console.`),
  );
}

/** @param {string} root */
export function bundleHash(root) {
  const files = inputs.flatMap((path) => filesUnder(root, path)).filter((path) => !/\.test\.tsx?$/.test(path));
  return hashFiles(root, files);
}

/** @param {string} root */
function isStale(root) {
  return readIfThere(join(root, "packages/console/dist", hashFile)) !== bundleHash(root);
}

/** @param {string} root @param {string} node */
async function build(root, node) {
  const folder = join(root, "packages/console");
  for (const name of readdirSync(folder)) {
    if (name.startsWith(".dist-")) rmSync(join(folder, name), { recursive: true, force: true });
  }
  const hash = bundleHash(root);
  const fresh = join(folder, `.dist-${process.pid}`);
  const retired = `${fresh}-retired`;
  const vite = join(root, "node_modules/vite/bin/vite.js");
  const result = await run(node, [vite, "build", "--outDir", fresh, "--emptyOutDir", "--logLevel", "warn"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_ENV: "production", PATH: `${dirname(node)}:${process.env.PATH ?? ""}` },
  });
  if (result.code !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    process.stderr.write(result.output);
    throw new BootstrapError("The console could not be built (the reason is above); mend that and start again.");
  }
  writeFileSync(join(fresh, hashFile), hash);
  const dist = join(folder, "dist");
  if (existsSync(dist)) renameSync(dist, retired);
  renameSync(fresh, dist);
  rmSync(retired, { recursive: true, force: true });
}
