// What doctor looks at on this machine, hub or no hub.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { consoleDirectory } from "../console-directory.ts";
import type { Endpoint } from "../home.ts";

export interface Check {
  /** Kept from version to version. */
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to do; only where something is to be done. */
  readonly advice?: string;
}

const NODE_MAJOR_MIN = 24;
const GIT_TIMEOUT_MS = 5_000;
/** What a commit needs at the least. */
const TRIAL_BYTES = 64 * 1024;
const run = promisify(execFile);

export function checkNode(version: string): Check {
  const isNew = Number.parseInt(version, 10) >= NODE_MAJOR_MIN;
  return isNew
    ? { name: "runtime", state: "ok", message: `Node.js ${version}` }
    : {
        name: "runtime",
        state: "fail",
        message: `Node.js ${version} is too old`,
        advice: "Install Node.js 24 or newer.",
      };
}

export async function checkGit(): Promise<Check> {
  try {
    const { stdout } = await run("git", ["--version"], { timeout: GIT_TIMEOUT_MS });
    return { name: "git", state: "ok", message: stdout.trim() };
  } catch {
    return {
      name: "git",
      state: "fail",
      message: "git was not found, so no turn can be diffed or undone",
      advice: "Install git, for example with `apt-get install git`.",
    };
  }
}

/** Writes for real where the home is or will be, and removes what it wrote: permission bits don't tell all. */
export function checkHome(home: string): Check {
  let folder = home;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is a file`);
    const trial = mkdtempSync(join(folder, ".muster-doctor-"));
    try {
      // A full disk often takes a folder still.
      writeFileSync(join(trial, "trial"), Buffer.alloc(TRIAL_BYTES), { flush: true });
    } finally {
      rmSync(trial, { recursive: true });
    }
    const note = folder === home ? "" : ", made at the first start";
    return { name: "home", state: "ok", message: `${home} can be written${note}` };
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "it is a file";
    const isFull = reason === "ENOSPC" || reason === "EDQUOT";
    return {
      name: "home",
      state: "fail",
      message: `${folder} cannot be written (${reason})`,
      advice: isFull
        ? "Make room on its disk; until then the hub takes nothing new."
        : "Give --home a folder you may write, or mend its permissions.",
    };
  }
}

/** `endpoint`: the hub of this home, when it runs. */
export async function checkPort(port: number, endpoint: Endpoint | null): Promise<Check> {
  if (endpoint !== null)
    return { name: "port", state: "ok", message: `the hub of this home listens at ${endpoint.url}` };
  if (port === 0) return { name: "port", state: "ok", message: "any free port is taken" };
  const refused = await new Promise<string | null>((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host: "127.0.0.1", port }, () => server.close(() => resolve(null)));
  });
  if (refused === null) return { name: "port", state: "ok", message: `port ${port} is free` };
  if (refused === "EADDRINUSE")
    return {
      name: "port",
      state: "fail",
      message: `port ${port} is taken by another program`,
      advice: "Stop that program, or choose another port with --port (0 means any free one).",
    };
  return {
    name: "port",
    state: "fail",
    message: `port ${port} may not be used (${refused})`,
    advice: "Choose another port with --port (0 means any free one); those below 1024 mostly need special permission.",
  };
}

export function checkConsole(): Check {
  return consoleDirectory() === null
    ? {
        name: "console",
        state: "warn",
        message: "the web console is not built",
        advice: "Start with `npm start`, which builds it.",
      }
    : { name: "console", state: "ok", message: "the web console is built" };
}

/** Opens what `up` would open and changes nothing. Never shows the URL, which may hold a password. */
export async function checkDatabase(url: string | null): Promise<Check> {
  if (url === null) return { name: "database", state: "ok", message: "the hub's state is a file in its home" };
  const { describeServer, openPostgresStore } = await import("@muster/store/postgres");
  const server = describeServer(url);
  const advice = "Correct MUSTER_DATABASE_URL, or start the server.";
  if (server === undefined) return { name: "database", state: "fail", message: "the URL cannot be read", advice };
  try {
    await (await openPostgresStore({ connectionString: url })).close();
    return { name: "database", state: "ok", message: `the hub's state is in ${server}` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name: "database", state: "fail", message: `${server} cannot be used: ${reason}`, advice };
  }
}
