// What every command gets: the shell, the options that stand before or behind any command, and its voice.
import type { Command } from "commander";
import { asCalled, calledAs } from "./called.ts";
import { type HomePaths, homePaths } from "./home.ts";
import type { Paint, Shell } from "./shell.ts";
import { createVoice, type Voice } from "./voice.ts";

export interface GlobalOptions {
  readonly home?: string;
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface Context {
  readonly shell: Shell;
  readonly options: GlobalOptions;
  readonly paths: HomePaths;
  readonly voice: Voice;
  /** For standard output. */
  readonly paint: Paint;
  /** Width of standard output. */
  readonly width: number;
  /** How this command is called here; see `called.ts`. */
  readonly muster: string;
  /** Sets the exit code of a command that answered but did not succeed. */
  exitWith(code: number): void;
}

/** What the groups of commands need to add themselves to the program. */
export interface Registry {
  readonly shell: Shell;
  readonly program: Command;
  context(command: Command): Context;
}

export function createContext(shell: Shell, options: GlobalOptions, exitWith: (code: number) => void): Context {
  const muster = calledAs(shell);
  return {
    shell,
    options,
    paths: homePaths(shell, options.home),
    voice: createVoice({
      out: shell.out,
      err: shell.err,
      json: options.json === true,
      quiet: options.quiet === true,
      called: (text) => asCalled(text, muster),
    }),
    paint: shell.out.paint,
    width: shell.out.columns,
    muster,
    exitWith,
  };
}

/** The examples below a command's help. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ muster ${line}`).join("\n")}`;
