// What the tests of this folder share: a real folder, real git, and everything of the user's that a
// checkpoint must never change, as bytes.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { CheckpointRef, EventId, ThreadId } from "@muster/contracts";
import { Checkpoints, type CheckpointsOptions } from "./index.ts";

export const THREAD = "0199aaaa-thread" as ThreadId;
export const EVENT = "0199bbbb-event" as EventId;
export const NOW_MS = 1_700_000_000_000;

export interface TestWorkspace {
  /** Holds the workspace, the data folder and a home; removed by `remove`. */
  readonly base: string;
  readonly root: string;
  readonly home: string;
  readonly checkpoints: Checkpoints;
  readonly git: (...args: readonly string[]) => string;
  readonly write: (path: string, content: string | Buffer, mode?: number) => void;
  readonly read: (path: string) => string;
  readonly capture: (turnCount: number) => Promise<CheckpointRef>;
  /** A safety checkpoint, then a restore to `toRef`. */
  readonly revert: (toRef: CheckpointRef) => ReturnType<Checkpoints["restore"]>;
  /** Every path below the root, `.git` left out, with its kind, mode and content. */
  readonly files: () => Record<string, string>;
  /** Makes every file an hour old: git reads files as young as its index again, whatever their stat data say. */
  readonly settle: () => void;
  readonly remove: () => void;
}

export interface TestWorkspaceOptions extends Partial<Omit<CheckpointsOptions, "dataDir">> {
  /** `git init` arguments; false leaves the folder without a repository. */
  readonly init?: readonly string[] | false;
  /** The workspace below the repository. */
  readonly subfolder?: string;
}

export function makeWorkspace(options: TestWorkspaceOptions = {}): TestWorkspace {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "muster-checkpoints-")));
  const top = join(base, "work");
  const home = join(base, "home");
  const root = options.subfolder === undefined ? top : join(top, options.subfolder);
  mkdirSync(root, { recursive: true });
  mkdirSync(home);
  const environment = testEnvironment(home);
  const git = (...args: readonly string[]) => runTestGit(top, environment, args);
  if (options.init !== false) git("init", "--quiet", "--initial-branch=main", ...(options.init ?? []));
  const { init: _init, subfolder: _subfolder, ...checkpointsOptions } = options;
  const checkpoints = new Checkpoints({
    dataDir: join(base, "data"),
    nowMs: () => NOW_MS,
    environment,
    ...checkpointsOptions,
  });
  return {
    base,
    root,
    home,
    checkpoints,
    git,
    write: (path, content, mode) => {
      const file = join(root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      if (mode !== undefined) chmodSync(file, mode);
    },
    read: (path) => readFileSync(join(root, path), "utf8"),
    capture: async (turnCount) =>
      (await checkpoints.capture({ workspaceRoot: root, threadId: THREAD, turnCount })).checkpointRef,
    revert: async (toRef) => {
      const safety = await checkpoints.safety({ workspaceRoot: root, threadId: THREAD, eventId: EVENT });
      return checkpoints.restore({ workspaceRoot: root, fromRef: safety.currentRef, toRef });
    },
    files: () => listFiles(root),
    settle: () => {
      const hourAgo = new Date(Date.now() - 3_600_000);
      for (const name of Object.keys(listFiles(root))) lutimesSync(join(root, name), hourAgo, hourAgo);
    },
    remove: () => rmSync(base, { recursive: true, force: true }),
  };
}

/** Nothing of the machine's or the tester's configuration. */
export function testEnvironment(home: string): Record<string, string> {
  return {
    // biome-ignore lint/style/noProcessEnv: tests need the machine's git
    PATH: process.env.PATH ?? "",
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "Tester",
    GIT_AUTHOR_EMAIL: "tester@example.com",
    GIT_COMMITTER_NAME: "Tester",
    GIT_COMMITTER_EMAIL: "tester@example.com",
    LC_ALL: "C",
  };
}

export function runTestGit(cwd: string, environment: Record<string, string>, args: readonly string[]): string {
  return execFileSync("git", args, { cwd, env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

export function listFiles(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  // Names as bytes: not all of them are UTF-8.
  const walk = (folder: Buffer, prefix: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true, encoding: "buffer" })) {
      const name = `${prefix}${entry.name.toString("utf8")}`;
      if (entry.name.toString("utf8") === ".git") continue;
      const path = Buffer.concat([folder, Buffer.from("/"), entry.name]);
      if (entry.isDirectory()) walk(path, `${name}/`);
      else if (entry.isSymbolicLink()) found[name] = `link ${readlinkSync(path)}`;
      else {
        const mode = (lstatSync(path).mode & 0o111) === 0 ? "file" : "executable";
        found[name] = `${mode} ${readFileSync(path).toString("latin1")}`;
      }
    }
  };
  walk(Buffer.from(root), "");
  return found;
}

/** Every byte of a git folder except objects and our own refs, with modification times. */
export function gitFolderState(gitDir: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (folder: string, prefix: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const name = `${prefix}${entry.name}`;
      if (name === "objects" || name === "refs/muster") continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path, `${name}/`);
      else found[name] = `${lstatSync(path).mtimeMs} ${readFileSync(path).toString("base64")}`;
    }
  };
  if (existsSync(gitDir)) walk(gitDir, "");
  return found;
}
