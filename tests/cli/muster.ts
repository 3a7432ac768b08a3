// The muster command as the tests run it, on homes of their own: what runs on, or shows what a process does, as real
// processes, all of them ended afterwards; other commands in the tests' process (see here.ts).
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, type MusterClient } from "@muster/client";
import type { ProjectId, ThreadId, ThreadWindow, TurnId, TurnRow } from "@muster/contracts";
import { until as eventually } from "@muster/core/testing";
import { runHere } from "./here.ts";
import { processesOf } from "./processes.ts";

export const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
/** The `muster` of this checkout. */
export const bin = join(repository, "packages/cli/bin/muster.mjs");
const nodeOptions = ["--disable-warning=ExperimentalWarning"];

export interface Finished {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Everything on standard output and error so far. */
  stdout(): string;
  stderr(): string;
  readonly finished: Promise<Finished>;
}

export interface ReadyLine {
  readonly ready: boolean;
  readonly url: string;
  readonly loginUrl: string;
  readonly tokenFile: string;
  readonly home: string;
  readonly pid: number;
}

export interface Up extends Running {
  readonly ready: ReadyLine;
  readonly client: MusterClient;
}

/** Between two looks at what other processes do: looking must not take the processor from them. */
const LOOK_MS = 20;

/** Asks until the answer is there; fails with what was waited for. */
export const until = <Found>(
  what: string,
  ask: () => Promise<Found | undefined | false> | Found | undefined | false,
): Promise<Found> => eventually(what, ask, LOOK_MS);

/** They start what is there until a signal comes, if nothing is wrong. */
const RUNS_ON = new Set(["up", "daemon", "join", "demo"]);

/** A temporary folder with everything of one test in it. */
export class Place {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), "muster-e2e-")));
  readonly home = join(this.root, "home");
  /** Below it projects may lie. */
  readonly work = join(this.root, "work");
  readonly env: NodeJS.ProcessEnv;
  /** The `muster` that runs here; another version of it is a checkout of its own. */
  program = bin;
  readonly #before: readonly string[];

  /** @param before what stands before every command, as `nsenter` does with its options */
  constructor(before: readonly string[] = []) {
    this.#before = before;
    mkdirSync(this.work);
    mkdirSync(join(this.root, "tmp"));
    // Neither Muster's own settings of whoever runs the tests, nor those that npm gives to what it runs.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(MUSTER|npm)_|^INIT_CWD$/.test(name)),
    );
    this.env = {
      ...env,
      TMPDIR: join(this.root, "tmp"),
      MUSTER_HOME: this.home,
      MUSTER_SAMPLE_STATE: join(this.root, "agents"),
    };
  }

  spawn(args: readonly string[], options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: string } = {}): Running {
    const command = [...this.#before, process.execPath, ...nodeOptions, this.program, ...args];
    const [file = process.execPath, ...rest] = command;
    return run(file, rest, {
      cwd: options.cwd ?? this.work,
      // What another checkout compiles goes with it.
      env: { ...this.env, ...(this.program === bin ? {} : { NODE_COMPILE_CACHE: undefined }), ...options.env },
      ...(options.input === undefined ? {} : { input: options.input }),
    });
  }

  /** A command to its end, here where it can run here. What is about the process itself asks for one: `spawn`. */
  muster(args: readonly string[], options: { env?: NodeJS.ProcessEnv; cwd?: string } = {}): Promise<Finished> {
    const isElsewhere = this.#before.length > 0 || this.program !== bin;
    if (isElsewhere || RUNS_ON.has(args[0] ?? "")) return this.spawn(args, options).finished;
    return runHere(args, { env: { ...this.env, ...options.env }, cwd: options.cwd ?? this.work });
  }

  /** A command with --json that must succeed, and its one object. */
  async json<Answer>(...args: string[]): Promise<Answer> {
    const { exitCode, stdout, stderr } = await this.muster([...args, "--json"]);
    if (exitCode !== 0) throw new Error(`muster ${args.join(" ")} ended with ${exitCode}: ${stderr}`);
    return JSON.parse(stdout) as Answer;
  }

  /** `muster up` on any free port, ready. */
  async up(...args: string[]): Promise<Up> {
    const running = this.spawn(["up", "--json", "--port", "0", "--workspace-root", this.work, ...args]);
    return ready(running);
  }

  /** A git repository with one commit in the work folder. */
  repository(name: string): string {
    const folder = join(this.work, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "README.md"), `# ${name}\n`);
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=Test", "-c", "user.email=test@localhost", ...args], {
        cwd: folder,
        stdio: "pipe",
      });
    git("init", "--quiet", "--initial-branch=main");
    git("add", ".");
    git("commit", "--quiet", "--message", "Begin");
    return folder;
  }

  /** Ends what is left of the test, and removes its folder. */
  async clear(): Promise<void> {
    for (const { pid } of processesOf(this.root)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended meanwhile.
      }
    }
    await until("every process to be gone", () => processesOf(this.root).length === 0);
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function run(
  file: string,
  args: readonly string[],
  { input, ...options }: { cwd: string; env: NodeJS.ProcessEnv; input?: string },
): Running {
  const child = spawn(file, args, { ...options, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  if (input !== undefined) child.stdin?.end(input);
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
  });
  return { child, stdout: () => stdout, stderr: () => stderr, finished };
}

/** The line of readiness, waited for; fails with the complaint when the process ends before. */
export async function ready(running: Running): Promise<Up> {
  const line = await until("the line of readiness", () => {
    if (running.child.exitCode !== null)
      throw new Error(`it ended with ${running.child.exitCode}: ${running.stderr()}`);
    return running
      .stdout()
      .split("\n")
      .slice(0, -1)
      .find((text) => text.includes('"ready"'));
  });
  const answer = JSON.parse(line) as ReadyLine;
  const token = readFileSync(answer.tokenFile, "utf8").trim();
  return { ...running, ready: answer, client: createClient({ baseUrl: answer.url, token }) };
}

/** A project in the folder and a thread in it, with the sample agent. */
export async function makeThread(client: MusterClient, workspaceRoot: string): Promise<ThreadId> {
  const [{ defaultSessionId }, node] = await Promise.all([
    client.api.auth.me(),
    until("the machine to be online", async () =>
      (await client.api.nodes.list()).nodes.find(({ health }) => health === "online"),
    ),
  ]);
  const projectId = client.ids.next() as ProjectId;
  const threadId = client.ids.next() as ThreadId;
  await client.dispatch({
    type: "project.create",
    projectId,
    sessionId: defaultSessionId,
    nodeId: node.nodeId,
    title: "Test",
    workspaceRoot,
  });
  await client.dispatch({
    type: "thread.create",
    threadId,
    projectId,
    title: "Test",
    provider: "sample",
    branch: null,
    worktreePath: null,
    runtimeMode: "full-access",
  });
  return threadId;
}

export async function startTurn(client: MusterClient, threadId: ThreadId, text: string): Promise<TurnId> {
  const turnId = client.ids.next() as TurnId;
  const message = { messageId: client.ids.next(), role: "user", text } as const;
  await client.dispatch({ type: "thread.turn.start", threadId, turnId, message, whenBusy: "reject" });
  return turnId;
}

export const readThread = (client: MusterClient, threadId: ThreadId): Promise<ThreadWindow> =>
  client.api.orchestration.getThread({ threadId, turnLimit: 50 });

export const settledTurn = (client: MusterClient, threadId: ThreadId, turnId: TurnId): Promise<TurnRow> =>
  until("the turn to end", async () => {
    const { turns } = await readThread(client, threadId);
    return turns.find((turn) => turn.turnId === turnId && turn.status !== "running" && turn.status !== "queued");
  });

export interface Listening {
  /** Waits until the agent has said it, live or stored. */
  until(text: string): Promise<void>;
  stop(): void;
}

/** Hears what the thread's agent says from now on; live text is never stored, so listen before the turn begins. */
export async function listen(client: MusterClient, threadId: ThreadId): Promise<Listening> {
  const { generation, snapshotSequence } = await readThread(client, threadId);
  const stopping = new AbortController();
  let heard = "";
  let isLive = false;
  const follow = async (): Promise<void> => {
    const after = `${generation}:${snapshotSequence}`;
    for await (const message of client.followFeed({ after, threadId, signal: stopping.signal })) {
      if (message.type === "synchronized") isLive = true;
      if (message.type === "delta") heard += message.delta.text;
      if (message.type === "event" && message.event.payload["role"] === "assistant") {
        heard += String(message.event.payload["text"]);
      }
    }
  };
  void follow();
  await until("the feed to be live", () => isLive);
  return {
    until: async (text) => {
      await until(`the agent to say "${text}"`, () => heard.includes(text));
    },
    stop: () => stopping.abort(),
  };
}

export const answerOf = ({ messages }: ThreadWindow, turnId: TurnId): string =>
  messages
    .filter((message) => message.turnId === turnId && message.role === "assistant")
    .map(({ text }) => text)
    .join("");
