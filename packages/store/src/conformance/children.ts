// Starts the child processes of the process cases and listens to them. What they do is in child.ts.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Opener } from "./subject.ts";

export interface Child {
  readonly process: ChildProcess;
  /** What it said so far, one parsed line each. */
  readonly facts: unknown[];
  /** Resolves when it has said `count` things; fails when it ends before. */
  said(count: number): Promise<void>;
  /** Exit code, or the signal that ended it, once everything it said has arrived. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export const start = (opener: Opener, task: "migrate" | "write", label: string, count = 1): Child => {
  const script = fileURLToPath(new URL("./child.ts", import.meta.url));
  const child = spawn(process.execPath, [script, opener.module, opener.argument, task, label, String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const facts: unknown[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => facts.push(JSON.parse(line)));
  const ended = (async () => {
    const [[code, signal]] = await Promise.all([once(child, "exit"), once(lines, "close")]);
    return (code ?? signal) as number | NodeJS.Signals;
  })();
  const ending = new AbortController();
  lines.once("close", () => ending.abort(new Error(`the child ended after ${facts.length} lines`)));
  const said = async (wanted: number): Promise<void> => {
    while (facts.length < wanted) await once(lines, "line", { signal: ending.signal });
  };
  return { process: child, facts, said, ended };
};
