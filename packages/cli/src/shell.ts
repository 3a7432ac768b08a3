// What a command sees of the process it runs in. main.ts alone makes the real one, so that nothing else reads argv,
// environment, terminal or clock, and a test can give its own.
import type { styleText } from "node:util";

export type TextFormat = Parameters<typeof styleText>[0];
export type Paint = (format: TextFormat, text: string) => string;

export interface Output {
  write(text: string | Uint8Array): void;
  /** Resolves when what was written is no longer held back by a slow reader. */
  drained(): Promise<void>;
  readonly isTerminal: boolean;
  /** Width in which lines are cut; infinite where the output is no terminal. */
  readonly columns: number;
  /** Colours on a terminal that wants them; the text as it is everywhere else. */
  readonly paint: Paint;
}

export interface Shell {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly currentFolder: string;
  readonly userFolder: string;
  readonly out: Output;
  readonly err: Output;
  /** Milliseconds since the epoch. */
  now(): number;
  /** All of standard input; null where it has more than `maxCharacters`, and then no more of it is read. */
  readInput(maxCharacters: number): Promise<string | null>;
  /** Puts a question to the person at the terminal; null where nobody sits at one. */
  ask(question: string): Promise<string | null>;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP from the first call on; a second SIGINT ends the process at once. */
  interrupted(): AbortSignal;
  /** Ends the process at once. */
  endNow(exitCode: number): never;
}

export const plainPaint: Paint = (_format, text) => text;
