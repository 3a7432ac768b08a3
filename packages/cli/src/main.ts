// The muster command: the only file that reads argv, environment, terminal and clock. Everything below it gets them
// as a Shell.
import { once } from "node:events";
import { writeSync } from "node:fs";
import { homedir } from "node:os";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { run } from "./program.ts";
import type { Output, Shell } from "./shell.ts";

/** A reader that went away, as in `muster events tail | head`, ends the command quietly; a full disk does not. */
process.stderr.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  try {
    const why = error.code ?? error.message;
    writeSync(2, `Error: Standard output cannot be written (${why}), so the answer is not all there.\n`);
  } catch {
    // Nobody is left to tell.
  }
  process.exit(1);
});

const outputOf = (stream: NodeJS.WriteStream): Output => ({
  write: (text) => {
    stream.write(text);
  },
  drained: async () => {
    if (stream.writableNeedDrain) await once(stream, "drain");
  },
  // A terminal without a width cannot be drawn on.
  isTerminal: stream.isTTY === true && stream.columns > 0,
  columns: stream.isTTY === true && stream.columns > 0 ? stream.columns : Number.POSITIVE_INFINITY,
  // It looks at the stream, NO_COLOR and FORCE_COLOR by itself.
  paint: (format, text) => styleText(format, text, { stream }),
});

let interruption: AbortController | undefined;

/** 128 + 2, as shells have it. */
const INTERRUPTED_EXIT_CODE = 130;
/** One Ctrl-C comes twice when npm stands between: from the terminal, and passed on by npm. */
const ONE_KEYSTROKE_MS = 400;

function interrupted(): AbortSignal {
  if (interruption === undefined) {
    const controller = new AbortController();
    interruption = controller;
    let firstAt = 0;
    process.on("SIGINT", () => {
      if (!controller.signal.aborted) firstAt = performance.now();
      else if (performance.now() - firstAt > ONE_KEYSTROKE_MS) process.exit(INTERRUPTED_EXIT_CODE);
      controller.abort();
    });
    for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => controller.abort());
  }
  return interruption.signal;
}

async function readInput(maxCharacters: number): Promise<string | null> {
  let text = "";
  process.stdin.setEncoding("utf8");
  for await (const piece of process.stdin) {
    text += piece;
    if (text.length > maxCharacters) return null;
  }
  return text;
}

/** Ctrl-C and the end of input are no answer. */
async function ask(question: string): Promise<string | null> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return null;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = once(terminal, "close").then(() => "");
  try {
    return await Promise.race([terminal.question(question), closed]);
  } finally {
    terminal.close();
  }
}

/** Where the person is: npm moves to its package's folder and remembers where it was called. */
function currentFolder(): string {
  const { npm_lifecycle_event: script, INIT_CWD: calledFrom } = process.env;
  const isOurScript = script === "muster" || script === "start" || script === "demo";
  const root = fileURLToPath(new URL("../../..", import.meta.url)).replace(/[\\/]$/, "");
  return isOurScript && calledFrom && process.cwd() === root ? calledFrom : process.cwd();
}

const shell: Shell = {
  env: process.env,
  currentFolder: currentFolder(),
  userFolder: homedir(),
  out: outputOf(process.stdout),
  err: outputOf(process.stderr),
  now: () => Date.now(),
  readInput,
  ask,
  interrupted,
  endNow: (exitCode) => process.exit(exitCode),
};

process.exitCode = await run(shell, process.argv.slice(2));
