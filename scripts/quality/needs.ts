// What the tests need beyond npm's packages. As root they are installed from Debian's packages, with a line that
// says so; otherwise one sentence says what to install. Never silently, never by sudo.
import { accessSync, constants, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { BootstrapError, run } from "../bootstrap/run.mjs";
import { root } from "./checks.ts";

export interface Need {
  /** What it is for, as it is told to the person. */
  purpose: string;
  debianPackage: string;
  isThere: () => boolean;
  /** What must be done before apt-get installs it. */
  prepare?: () => void;
}

const git: Need = { purpose: "projects and checkpoints", debianPackage: "git", isThere: () => isOnPath("git") };
const chromium: Need = {
  purpose: "the console's tests",
  debianPackage: "chromium",
  isThere: () => existsSync("/usr/bin/chromium"),
};

/** The programs alone: the tests start a private server themselves. */
const postgresql: Need = {
  purpose: "the tests that use a database",
  debianPackage: "postgresql",
  isThere: () => isOnPath("initdb") || debianPostgres().some((bin) => existsSync(join(bin, "initdb"))),
  prepare: () => withoutCluster("/etc/postgresql-common"),
};

const iproute: Need = {
  purpose: "the test of machines on a network",
  debianPackage: "iproute2",
  isThere: () => isOnPath("ip"),
};

/** A level's tests are known by their suffix; of those with processes, these start hubs on a server, and one makes networks. */
const NEEDED_BY: { path: RegExp; need: Need }[] = [
  { path: /^tests\/cli\/network\.alone\.e2e\.test\.ts$/, need: iproute },
  { path: /\.browser\.e2e\.test\.ts$/, need: chromium },
  { path: /\.sql\.test\.ts$|postgres\.e2e\.test\.ts$|^tests\/soak\//, need: postgresql },
];

/** What the tests named by these filters need; without filters what all of them need. */
export function needsOf(filters: string[]): Need[] {
  const tests = ["packages", "tests"]
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`))
    .filter((path) => path.endsWith(".test.ts") && !path.includes("node_modules"))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)));
  return [git, ...NEEDED_BY.filter(({ path }) => tests.some((test) => path.test(test))).map(({ need }) => need)];
}

/** Debian keeps each major version's programs out of the path. */
function debianPostgres(): string[] {
  const versions = "/usr/lib/postgresql";
  return existsSync(versions) ? readdirSync(versions).map((version) => join(versions, version, "bin")) : [];
}

/** Debian's package would create a database cluster and start its service. Its settings, if there are any, are kept. */
export function withoutCluster(folder: string): void {
  const file = join(folder, "createcluster.conf");
  if (existsSync(file)) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, "create_main_cluster = false\n");
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
  for (const need of missing) need.prepare?.();
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
