// Runs git as a child process: no shell, no inherited GIT_* variables, bounded output, bounded time,
// ended by the caller's abort signal. Everything here is about the process; what git is asked is not.
import { spawn } from "node:child_process";
import { CheckpointError } from "./errors.ts";
import { COMPLAINT_MAX_CHARACTERS, GIT_KILL_GRACE_MS, STDERR_TAIL_BYTES } from "./limits.ts";

export interface GitCall {
  /** The command and what follows it; settings go into `settings`. */
  readonly args: readonly string[];
  readonly cwd: string;
  /** `name=value`, stronger than the fixed settings. */
  readonly settings?: readonly string[];
  /** Added to the clean environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Buffer;
  readonly maxStdoutBytes: number;
  /** At the output limit: throw `limit_exceeded`, or end git and return what there is with `cut`. */
  readonly atOutputLimit?: "throw" | "cut";
  /** Exit codes that are an answer; 0 alone when left out. */
  readonly exitCodes?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

export interface GitResult {
  readonly stdout: Buffer;
  readonly exitCode: number;
  readonly cut: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Git {
  readonly binary: string;
  readonly callLimitMs: number;
  /** Where PATH, HOME, XDG_CONFIG_HOME and the temporary folder are taken from; everything else of it stays out. */
  readonly environment: Environment;
}

/** Settings that hold for every call; whatever any config file says. */
const FIXED_SETTINGS: readonly string[] = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.untrackedCache=false",
  "core.splitIndex=false",
  "core.quotePath=off",
  "core.logAllRefUpdates=false",
  "core.pager=cat",
  "commit.gpgSign=false",
  "gc.auto=0",
  "advice.addEmbeddedRepo=false",
];

const PASSED_VARIABLES = ["PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "TEMP", "TMP", "SystemRoot", "USERPROFILE"];

/** The variables a git process of ours starts with. */
function cleanEnvironment(passed: Environment): Record<string, string> {
  const environment: Record<string, string> = {
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_LITERAL_PATHSPECS: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_NO_LAZY_FETCH: "1",
    GIT_FLUSH: "0",
  };
  for (const name of PASSED_VARIABLES) {
    const value = passed[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/**
 * Runs git once. Throws `git_not_found`, `git_failed` (also at the time limit) and `limit_exceeded`;
 * on abort it throws the signal's reason, after git has ended.
 */
export async function runGit(git: Git, call: GitCall): Promise<GitResult> {
  call.signal?.throwIfAborted();
  const settings = [...FIXED_SETTINGS, ...(call.settings ?? [])].flatMap((setting) => ["-c", setting]);
  const child = spawn(git.binary, [...settings, ...call.args], {
    cwd: call.cwd,
    env: { ...cleanEnvironment(git.environment), ...call.env },
    stdio: ["pipe", "pipe", "pipe"],
    windowsHide: true,
  });

  let timedOut = false;
  let overLimit = false;
  let hardKill: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill("SIGTERM");
    hardKill ??= setTimeout(() => {
      child.kill("SIGKILL");
      // A process that git had started may still hold the pipes.
      child.stdout.destroy();
      child.stderr.destroy();
    }, GIT_KILL_GRACE_MS);
  };
  const timeLimit = setTimeout(() => {
    timedOut = true;
    end();
  }, git.callLimitMs);
  call.signal?.addEventListener("abort", end, { once: true });

  const chunks: Buffer[] = [];
  let stdoutBytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    if (overLimit) return;
    chunks.push(chunk);
    stdoutBytes += chunk.length;
    if (stdoutBytes > call.maxStdoutBytes) {
      overLimit = true;
      end();
    }
  });
  let stderrTail = Buffer.alloc(0);
  child.stderr.on("data", (chunk: Buffer) => {
    stderrTail = Buffer.concat([stderrTail, chunk]).subarray(-STDERR_TAIL_BYTES);
  });
  // git may end without reading all of its input; its exit code says whether that was a failure.
  child.stdin.on("error", () => undefined);
  child.stdin.end(call.input ?? Buffer.alloc(0));

  const command = call.args[0] ?? "";
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(code));
    });
    call.signal?.throwIfAborted();
    const stdout = Buffer.concat(chunks);
    if (overLimit) {
      if (call.atOutputLimit === "cut")
        return { stdout: stdout.subarray(0, call.maxStdoutBytes), exitCode: 0, cut: true };
      throw new CheckpointError("limit_exceeded", `git ${command} printed more than ${call.maxStdoutBytes} bytes`, {
        limit: "maxListingBytes",
        maximum: call.maxStdoutBytes,
      });
    }
    if (exitCode === null || timedOut || !(call.exitCodes ?? [0]).includes(exitCode)) {
      throw new CheckpointError(
        "git_failed",
        `git ${command} failed (${timedOut ? "time limit" : (exitCode ?? "killed")})${complaint(stderrTail)}`,
        {
          command,
          exitCode,
          timedOut,
          stderrTail: stderrTail.toString("utf8"),
        },
      );
    }
    return { stdout, exitCode, cut: false };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // spawn also says ENOENT for a missing working directory, which callers have checked already.
    if (code === "ENOENT" || code === "EACCES") {
      throw new CheckpointError("git_not_found", `git could not be started as "${git.binary}"`, { binary: git.binary });
    }
    throw error;
  } finally {
    clearTimeout(timeLimit);
    clearTimeout(hardKill);
    call.signal?.removeEventListener("abort", end);
  }
}

/** Why, in git's words, for a person: the first complaint, else what it said last; empty where it said nothing. */
function complaint(stderrTail: Buffer): string {
  const lines = stderrTail.toString("utf8").trimEnd().split("\n");
  const line = lines.find((one) => /^(?:error|fatal): /.test(one)) ?? lines.at(-1) ?? "";
  return line === "" ? "" : `: ${line.slice(0, COMPLAINT_MAX_CHARACTERS)}`;
}

/** The output of a call that prints one line: an object id or a path (which may itself hold a newline). */
export function oneLine(result: GitResult): string {
  const text = result.stdout.toString("utf8");
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}
