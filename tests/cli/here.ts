// A command of ours that runs in the tests' own process: the program as it is, with a shell that is no terminal. To start a
// process for it costs half a second of a processor, which is many times what most commands do then.
import { homedir } from "node:os";
import type { Output, Shell } from "@muster/cli";

interface Kept extends Output {
  text(): string;
}

function keep(): Kept {
  const decoder = new TextDecoder();
  let text = "";
  return {
    write: (piece) => {
      text += typeof piece === "string" ? piece : decoder.decode(piece, { stream: true });
    },
    drained: () => Promise.resolve(),
    isTerminal: false,
    columns: Number.POSITIVE_INFINITY,
    paint: (_format, painted) => painted,
    text: () => text,
  };
}

/** Standard input is empty, and no signal comes: what waits for either needs a process. */
export async function runHere(args: readonly string[], { env, cwd }: { env: NodeJS.ProcessEnv; cwd: string }) {
  // Not every file of tests has such a command.
  const { run } = await import("@muster/cli");
  const out = keep();
  const err = keep();
  const shell: Shell = {
    env,
    currentFolder: cwd,
    userFolder: homedir(),
    out,
    err,
    now: () => Date.now(),
    readInput: () => Promise.resolve(""),
    ask: () => Promise.resolve(null),
    interrupted: () => new AbortController().signal,
    endNow: (exitCode) => {
      throw new Error(`the command ended its process with ${exitCode}`);
    },
  };
  const exitCode = await run(shell, args);
  return { exitCode, signal: null, stdout: out.text(), stderr: err.text() };
}
