// Which Node runs the program: the one already running when it is new enough, else the one that the lock brings
// along as an optional dependency.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BootstrapError } from "./run.mjs";

/** The first major version that runs this repository's TypeScript and has what it uses of node:sqlite. */
export const neededMajor = 24;

/**
 * The path of a Node that can run the program; a BootstrapError with one sentence when there is none.
 * @param {{ root: string, version: string, execPath: string, platform?: string, arch?: string }} machine
 * @returns {string}
 */
export function chooseNode({ root, version, execPath, platform = process.platform, arch = process.arch }) {
  if (Number.parseInt(version, 10) >= neededMajor) return execPath;
  const bundled = join(root, "node_modules", `node-${platform}-${arch}`, "bin", "node");
  if (existsSync(bundled)) return bundled;
  throw new BootstrapError(
    `Muster needs Node.js ${neededMajor} or newer, this is ${version}, and npm brought none for ${platform}-${arch}: ` +
      "install one from https://nodejs.org, or delete node_modules to let npm try again, and run the same command.",
  );
}
