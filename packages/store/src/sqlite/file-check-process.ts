// The process of a file's check: says what it found as one line of JSON, and ends with whoever started it, whose end it
// sees by its input: left alone it would read on for minutes, and hold back the log of the next hub. SQLite keeps its
// thread busy all the while, so another one waits for that. Run: node file-check-process.ts <path>
import { constants, setPriority } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { StoreError } from "../port.ts";
import type { FileCheckResult } from "./file-check.ts";
import { check, openReader } from "./open.ts";

function resultOf(path: string): FileCheckResult {
  try {
    const reader = openReader(path);
    try {
      check(reader, path);
      return { status: "sound" };
    } finally {
      reader.close();
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof StoreError && error.code === "corrupt"
      ? { status: "damaged", finding: message }
      : { status: "failed", reason: message };
  }
}

function checkInThread(path: string): void {
  const say = (result: FileCheckResult): void => {
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
  };
  // Threads take it over from the one that makes them.
  setPriority(constants.priority.PRIORITY_LOW);
  // A thread inside SQLite hears nothing else.
  process.stdin.on("close", () => process.kill(process.pid, "SIGKILL")).resume();
  const thread = new Worker(new URL(import.meta.url), { workerData: path });
  thread.once("message", say);
  thread.once("error", (error) => say({ status: "failed", reason: String(error) }));
}

if (isMainThread) checkInThread(process.argv[2] ?? "");
else parentPort?.postMessage(resultOf(String(workerData)));
