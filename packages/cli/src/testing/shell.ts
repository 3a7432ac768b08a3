// A shell for tests: nothing of the process, everything it was told kept as text.
import { plainPaint, type Shell } from "../shell.ts";

export interface TestShell extends Shell {
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export const NOW = Date.parse("2026-11-21T12:00:00.000Z");

export function testShell(
  given: Partial<Pick<Shell, "env" | "currentFolder" | "userFolder" | "ask" | "readInput">> = {},
): TestShell {
  let stdout = "";
  let stderr = "";
  const output = (keep: (text: string) => void) => ({
    write: (text: string | Uint8Array) => keep(typeof text === "string" ? text : Buffer.from(text).toString()),
    drained: () => Promise.resolve(),
    isTerminal: false,
    columns: Number.POSITIVE_INFINITY,
    paint: plainPaint,
  });
  return {
    env: {},
    currentFolder: "/work/here",
    userFolder: "/home/someone",
    out: output((text) => {
      stdout += text;
    }),
    err: output((text) => {
      stderr += text;
    }),
    now: () => NOW,
    readInput: () => Promise.resolve(""),
    ask: () => Promise.resolve(null),
    interrupted: () => new AbortController().signal,
    endNow: (exitCode) => {
      throw new Error(`ended with ${exitCode}`);
    },
    ...given,
    stdout: () => stdout,
    stderr: () => stderr,
  };
}
