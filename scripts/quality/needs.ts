// What the tests need beyond npm's packages. As root they are installed from Debian's packages, with a line that
// says so; otherwise one sentence says what to install. Never silently, never by sudo.
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { BootstrapError, run } from "../bootstrap/run.mjs";
import { root } from "./checks.ts";

export interface Need {
  /** What it is for, as it is told to the person. */
  purpose: string;
  debianPackage: string;
  isThere: () => boolean;
}

const git: Need = { purpose: "projects and checkpoints", debianPackage: "git", isThere: () => isOnPath("git") };
const chromium: Need = {
  purpose: "the console's tests",
  debianPackage: "chromium",
  isThere: () => existsSync("/usr/bin/chromium"),
};

/** What the tests named by these filters need; without filters what all of them need. */
export function needsOf(filters: string[]): Need[] {
  const browserTests = ["packages", "tests"]
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`))
    .filter((path) => path.endsWith(".browser.e2e.test.ts") && !path.includes("node_modules"));
  const wanted = browserTests.filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)));
  return wanted.length > 0 ? [git, chromium] : [git];
}

export async function ensure(needs: Need[]): Promise<void> {
  const missing = needs.filter((need) => !need.isThere());
  if (missing.length === 0) return;
  const names = missing.map((need) => need.debianPackage);
  const what = missing.map((need) => `${need.debianPackage} for ${need.purpose}`).join(" and ");
  if (process.getuid?.() !== 0 || !isOnPath("apt-get")) {
    throw new BootstrapError(`The tests need ${what}: install it (on Debian: apt-get install ${names.join(" ")}).`);
  }
  console.error(`Installing ${what} by apt-get; this happens once.`);
  const wait = ["-o", "DPkg::Lock::Timeout=600"];
  for (const args of [["update"], ["install", "--yes", "--no-install-recommends", ...names]]) {
    const result = await run("apt-get", [...wait, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    if (result.code === 0) continue;
    process.stderr.write(result.output);
    throw new BootstrapError(`apt-get ${args[0]} failed (its message is above): install ${names.join(" ")} yourself.`);
  }
}

function isOnPath(name: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
