// node_modules matches package-lock.json, judged by content: what was installed last is written into node_modules
// itself, so that deleting one deletes the other. An install done by hand counts when npm's own record says so.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashFiles, readIfThere } from "./content.mjs";
import { withMutex } from "./mutex.mjs";
import { BootstrapError, run } from "./run.mjs";

/**
 * Runs `npm ci` when node_modules is not what the lock says. Safe to call from several processes at once.
 * @param {string} root
 */
export async function ensureInstalled(root) {
  if (isInstalled(root)) return;
  await withMutex(
    join(root, ".muster-install"),
    async () => {
      if (isInstalled(root)) return;
      console.error("Installing dependencies (npm ci); this happens once per change of package-lock.json.");
      rmSync(markerPath(root), { force: true });
      await runNpm(root, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
      mkdirSync(join(root, "node_modules"), { recursive: true });
      writeFileSync(markerPath(root), fingerprint(root));
    },
    (pid) => console.error(`Waiting for process ${pid}, which installs dependencies here.`),
  );
}

/** @param {string} root */
const markerPath = (root) => join(root, "node_modules", ".muster-installed");

/** @param {string} root */
function fingerprint(root) {
  const packages = readdirSync(join(root, "packages")).map((name) => `packages/${name}/package.json`);
  const files = ["package-lock.json", "package.json", ...packages.sort()];
  return hashFiles(
    root,
    files.filter((file) => existsSync(join(root, file))),
  );
}

/** @param {string} root */
function isInstalled(root) {
  const wanted = fingerprint(root);
  if (readIfThere(markerPath(root)) === wanted) return true;
  const lock = readIfThere(join(root, "package-lock.json"));
  const record = readIfThere(join(root, "node_modules", ".package-lock.json"));
  if (!lock || !record || !recordMatches(JSON.parse(lock), JSON.parse(record))) return false;
  writeFileSync(markerPath(root), wanted);
  return true;
}

/**
 * Whether npm's record of an install (node_modules/.package-lock.json) is what the lock asks for; only optional
 * packages may be absent, because they are for other platforms.
 * @param {{ packages: Record<string, any> }} lock @param {{ packages: Record<string, any> }} record
 */
export function recordMatches(lock, record) {
  const isInstallable = (/** @type {string} */ location) => location.includes("node_modules/");
  for (const [location, entry] of Object.entries(lock.packages)) {
    if (!isInstallable(location)) continue;
    const installed = record.packages[location];
    if (!installed && !entry.optional) return false;
    if (installed && (installed.version !== entry.version || installed.integrity !== entry.integrity)) return false;
  }
  return Object.keys(record.packages).every((location) => !isInstallable(location) || lock.packages[location]);
}

/** @param {string} root @param {string[]} args */
async function runNpm(root, args) {
  // Inside `npm start` npm says where it is; otherwise it is on the PATH.
  const script = process.env.npm_execpath;
  const isNpm = script !== undefined && /npm-cli\.c?js$/.test(script);
  const [file, ...first] = isNpm ? [process.execPath, script] : ["npm"];
  const result = await run(file, [...first, ...args], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  if (result.missing)
    throw new BootstrapError("Muster needs npm to install its dependencies: install npm 10 or newer.");
  if (result.code !== 0) {
    throw new BootstrapError(
      "npm could not install the dependencies (its message is above); mend that and start again.",
    );
  }
}
