// `muster up` as a process of its own, as a person would start it: ready by its own line, ended by a signal.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NotVerified } from "./wait.ts";

const COMMAND = fileURLToPath(new URL("../../bin/muster.mjs", import.meta.url));
const READY_LIMIT_MS = 15_000;
const END_LIMIT_MS = 5_000;
const OUTPUT_MAX_CHARACTERS = 8_192;

export interface ReadyLine {
  readonly ready: true;
  readonly url: string;
  readonly loginUrl: string;
  readonly tokenFile: string;
  readonly home: string;
  readonly pid: number;
}

export interface UpProcess {
  readonly ready: ReadyLine;
  readonly pid: number;
  /** False once it has ended. */
  readonly isRunning: boolean;
  /** SIGTERM, and its exit code; SIGKILL and null when it takes longer than 5 s. */
  end(): Promise<number | null>;
}

export interface UpProcessOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export async function startUp({ args, env, signal }: UpProcessOptions): Promise<UpProcess> {
  const nodeArgs = ["--disable-warning=ExperimentalWarning", COMMAND, "up", "--json", ...args];
  // A group of its own: Ctrl-C on the terminal is ours to pass on.
  const child = spawn(process.execPath, nodeArgs, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-OUTPUT_MAX_CHARACTERS);
  });
  const exited = once(child, "exit");
  // A failure to spawn shows itself as an end without a ready line.
  exited.catch(() => {});
  try {
    const ready = await readyLine(child, signal);
    return {
      ready,
      pid: ready.pid,
      get isRunning() {
        return child.exitCode === null && child.signalCode === null;
      },
      end: () => end(child, exited),
    };
  } catch (error) {
    await end(child, exited);
    if (signal.aborted) throw error;
    throw new NotVerified(`muster up did not become ready: ${complaint.trim() || String(error)}`);
  }
}

async function readyLine(child: ChildProcess, signal: AbortSignal): Promise<ReadyLine> {
  if (child.stdout === null) throw new Error("it has no output");
  const lines = createInterface({ input: child.stdout });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(READY_LIMIT_MS)]);
  for await (const line of abortable(lines, limit)) {
    const value = JSON.parse(line) as Partial<ReadyLine>;
    if (value.ready === true) return value as ReadyLine;
  }
  throw new Error("it ended");
}

async function* abortable(lines: ReturnType<typeof createInterface>, signal: AbortSignal): AsyncGenerator<string> {
  const stop = (): void => lines.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    yield* lines;
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return child.exitCode;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), END_LIMIT_MS);
  await exited.catch(() => {});
  clearTimeout(timer);
  return child.exitCode;
}
