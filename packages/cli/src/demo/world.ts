// The demo's own little world: a temporary folder with a home, a git repository and a second work tree; `muster up` on
// a free port; two threads. Everything in it is removed again.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createClient, type MusterClient } from "@muster/client";
import type { ProjectId, ThreadId, ThreadWindow, TurnId, TurnRow } from "@muster/contracts";
import type { Shell } from "../shell.ts";
import { descendants, type ListedProcess, listProcesses, survivors } from "./processes.ts";
import { startUp, type UpProcess } from "./up-process.ts";
import { NotVerified, until, verify } from "./wait.ts";
import { type Watch, watchFeed } from "./watch.ts";

const run = promisify(execFile);
const GONE_LIMIT_MS = 5_000;

export interface Folders {
  readonly root: string;
  readonly home: string;
  readonly repository: string;
  readonly worktree: string;
}

export interface DemoThread {
  readonly threadId: ThreadId;
  readonly title: string;
  readonly folder: string;
}

/** What the steps share; a later step finds what an earlier one made. */
export interface World {
  readonly shell: Shell;
  readonly folders: Folders;
  readonly signal: AbortSignal;
  readonly up: UpProcess;
  readonly client: MusterClient;
  readonly watch: Watch;
  readonly projectId: ProjectId;
  /** Works in the repository itself. */
  readonly first: DemoThread;
  /** Works in the second work tree. */
  readonly second: DemoThread;
  /** Every process that was seen below `muster up`. */
  readonly seen: Map<string, ListedProcess>;
}

export function makeFolders(): Folders {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "muster-demo-")));
  const work = join(root, "work");
  mkdirSync(work);
  return { root, home: join(root, "home"), repository: join(work, "shop"), worktree: join(work, "shop-docs") };
}

/** A repository with one commit, and a second work tree on a branch of its own. */
export async function makeRepository({ shell, folders }: Pick<World, "shell" | "folders">): Promise<void> {
  mkdirSync(join(folders.repository, "src"), { recursive: true });
  writeFileSync(join(folders.repository, "README.md"), "# A little shop\n\nIt sells tea.\n");
  writeFileSync(join(folders.repository, "src/price.js"), "export const price = 3;\n");
  const git = (...args: string[]) => inGit({ shell, folders }, args);
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "Open the shop");
  await git("worktree", "add", "--quiet", "-b", "docs", folders.worktree);
}

/** Runs git in the repository. The person's own settings stay out of it: no hooks, no signing, no prompts. */
export async function inGit(
  { shell, folders }: Pick<World, "shell" | "folders">,
  args: readonly string[],
): Promise<string> {
  const identity = ["-c", "user.name=Muster demo", "-c", "user.email=demo@localhost"];
  const env = { ...shell.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" };
  try {
    return (await run("git", [...identity, ...args], { cwd: folders.repository, env })).stdout;
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw isMissing ? new NotVerified("git was not found; install it and try again") : error;
  }
}

export const startHubProcess = ({
  shell,
  folders,
  signal,
}: Pick<World, "shell" | "folders" | "signal">): Promise<UpProcess> =>
  startUp({
    args: ["--home", folders.home, "--port", "0", "--workspace-root", join(folders.root, "work")],
    env: {
      ...Object.fromEntries(Object.entries(shell.env).filter(([name]) => !name.startsWith("MUSTER_"))),
      MUSTER_SAMPLE_STATE: join(folders.root, "agents"),
    },
    signal,
  });

export async function connectTo(up: UpProcess, signal: AbortSignal): Promise<{ client: MusterClient; watch: Watch }> {
  const token = readFileSync(up.ready.tokenFile, "utf8").trim();
  const client = createClient({ baseUrl: up.ready.url, token });
  const { generation } = await client.api.health();
  return { client, watch: watchFeed(client, `${generation}:0`, signal) };
}

/** Remembers what runs below `muster up` now, and answers with it. */
export async function lookAround({ up, seen }: Pick<World, "up" | "seen">): Promise<ListedProcess[]> {
  const below = descendants(await listProcesses(), up.pid);
  for (const each of below) seen.set(`${each.pid} ${each.startedAt}`, each);
  return below;
}

export async function startTurn(world: World, thread: DemoThread, text: string): Promise<TurnId> {
  const turnId = world.client.ids.next() as TurnId;
  await world.client.dispatch({
    type: "thread.turn.start",
    threadId: thread.threadId,
    turnId,
    message: { messageId: world.client.ids.next(), role: "user", text },
    whenBusy: "reject",
  });
  return turnId;
}

export const readThread = (world: World, thread: DemoThread): Promise<ThreadWindow> =>
  world.client.api.orchestration.getThread({ threadId: thread.threadId, turnLimit: 50 });

/** The turn as the API has it, which must agree with what the feed said. */
export async function readTurn(
  world: World,
  thread: DemoThread,
  turnId: TurnId,
): Promise<{ turn: TurnRow; window: ThreadWindow }> {
  const window = await readThread(world, thread);
  const turn = window.turns.find((candidate) => candidate.turnId === turnId);
  verify(turn !== undefined, "the thread has the turn", window.turns);
  return { turn, window };
}

/** What the agent said in the turn, whole. */
export const answerOf = (window: ThreadWindow, turnId: TurnId): string =>
  window.messages
    .filter((message) => message.turnId === turnId && message.role === "assistant")
    .map(({ text }) => text)
    .join("");

export const consoleLink = (url: string, threadId: ThreadId): string => `${url}/threads/${threadId}`;

/** Ends what is left, in whatever state the demo is, and removes the folder. */
export async function cleanUp(
  folders: Folders,
  up: UpProcess | undefined,
  seen: ReadonlyMap<string, ListedProcess>,
): Promise<void> {
  if (up?.isRunning) await up.end();
  for (const { pid } of survivors(await listProcesses(), seen.values())) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
  rmSync(folders.root, { recursive: true, force: true, maxRetries: 3 });
}

export const untilGone = (seen: ReadonlyMap<string, ListedProcess>, signal: AbortSignal): Promise<true> =>
  until(async () => survivors(await listProcesses(), seen.values()).length === 0, {
    what: "every process to be gone",
    timeoutMs: GONE_LIMIT_MS,
    signal,
  });
