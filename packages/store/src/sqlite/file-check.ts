// The check of a large database file, which reads all of it and may take minutes: in a process of its own, at the lowest
// priority, because a thread cannot be stopped inside SQLite. It reads beside whoever has the file open and writes
// nothing. While it runs, the write-ahead log cannot be emptied and grows by what is committed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { storeEnvironment } from "../threads/environment.ts";

/** What a check came to. */
export type FileCheckResult =
  | { readonly status: "sound" }
  | { readonly status: "damaged"; readonly finding: string }
  /** The file says nothing about itself: it could not be read, or the process was ended. */
  | { readonly status: "failed"; readonly reason: string }
  | { readonly status: "stopped" };

export interface FileCheck {
  /** Never rejects. */
  readonly result: Promise<FileCheckResult>;
  readonly pid: number | undefined;
  /** Ends it at once, wherever it is; resolves when its process is gone. Nothing happens when it is over. */
  stop(): Promise<void>;
}

const PROCESS = fileURLToPath(new URL("./file-check-process.ts", import.meta.url));
const ANSWER_MAX_CHARACTERS = 64 * 1024;

/** Starts the check of a database file. */
export const checkSqliteFile = (path: string): FileCheck => {
  // Its input says nothing and ends with this process, and the check with it.
  const child = spawn(process.execPath, [PROCESS, path], {
    env: storeEnvironment(),
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => undefined);
  let isStopped = false;
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    if (text.length < ANSWER_MAX_CHARACTERS) text += chunk;
  });
  const result = once(child, "close").then(
    ([code, signal]): FileCheckResult => {
      if (isStopped) return { status: "stopped" };
      try {
        return JSON.parse(text) as FileCheckResult;
      } catch {
        return { status: "failed", reason: `the check ended early (${String(signal ?? code)})` };
      }
    },
    (error: unknown): FileCheckResult => ({ status: "failed", reason: String(error) }),
  );
  return {
    result,
    pid: child.pid,
    stop: async () => {
      isStopped = true;
      child.kill("SIGKILL");
      await result;
    },
  };
};
