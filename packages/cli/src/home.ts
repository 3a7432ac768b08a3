// Where things lie below MUSTER_HOME, and the note that a running hub leaves there for the other commands.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { MusterError } from "@muster/contracts";
import type { Shell } from "./shell.ts";

export interface HomePaths {
  readonly home: string;
  readonly hub: string;
  readonly daemon: string;
  /** Written by `up` once it serves, removed when it ends. */
  readonly endpoint: string;
  /** Written by the hub, mode 0600. */
  readonly token: string;
  /** Written by a daemon that runs; of one that was killed it stays. */
  readonly daemonPid: string;
  /** Written by `join`: which hub this machine belongs to. */
  readonly joined: string;
  /** Written by `join`: who this machine's owner is there, mode 0600. */
  readonly joinedToken: string;
}

export interface Endpoint {
  readonly url: string;
  readonly pid: number;
  /** The machine that the hub runs on. */
  readonly nodeId?: string;
}

/** `--home`, else MUSTER_HOME, else `.muster` in the user's folder. */
export function homePaths(shell: Shell, given: string | undefined): HomePaths {
  // Of a variable that is not set; it would make the folder one is in the home.
  if (given === "") throw new MusterError("validation_failed", "--home is empty: give it a folder, or leave it out.");
  const home = resolve(shell.currentFolder, given ?? (shell.env["MUSTER_HOME"] || join(shell.userFolder, ".muster")));
  const hub = join(home, "hub");
  const daemon = join(home, "daemon");
  return {
    home,
    hub,
    daemon,
    endpoint: join(hub, "endpoint.json"),
    token: join(hub, "cli-token"),
    daemonPid: join(daemon, "daemon.pid"),
    joined: join(daemon, "hub.json"),
    joinedToken: join(daemon, "token"),
  };
}

/** What is noted; null when nothing is, or nothing readable. */
export function readEndpoint(paths: HomePaths): Endpoint | null {
  try {
    const note = JSON.parse(readFileSync(paths.endpoint, "utf8")) as { [Name in keyof Endpoint]?: unknown };
    const { url, pid, nodeId } = note;
    if (typeof url !== "string" || !URL.canParse(url) || !Number.isInteger(pid)) return null;
    return { url, pid: Number(pid), ...(typeof nodeId === "string" ? { nodeId } : {}) };
  } catch {
    return null;
  }
}

/** Whole or not at all, so that a reader never sees half a note. */
export function writeEndpoint(paths: HomePaths, endpoint: Endpoint): void {
  mkdirSync(dirname(paths.endpoint), { recursive: true, mode: 0o700 });
  const temporary = `${paths.endpoint}.${endpoint.pid}`;
  writeFileSync(temporary, `${JSON.stringify(endpoint)}\n`, { mode: 0o600 });
  renameSync(temporary, paths.endpoint);
}

/** Removes the note of this process; one that another wrote meanwhile stays. */
export function removeEndpoint(paths: HomePaths, pid: number): void {
  if (readEndpoint(paths)?.pid === pid) rmSync(paths.endpoint, { force: true });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there and belongs to someone else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** The process of this home's daemon; null when none runs. */
export function runningDaemon(paths: HomePaths): number | null {
  const pid = Number(readToken(paths.daemonPid) ?? Number.NaN);
  return Number.isSafeInteger(pid) && pid > 0 && isAlive(pid) ? pid : null;
}

/** What the file holds; null where there is none. */
export function readToken(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim() || null;
  } catch {
    return null;
  }
}
