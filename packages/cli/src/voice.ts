// How a command answers: the one place that knows --json and --quiet. A command says each thing once, in all its forms. Names
// that others chose are made safe where they are put into a text; what slips through is stopped here.
import type { MusterError } from "@muster/contracts";
import { warningAsJson, warningAsText } from "./errors.ts";
import { colouredText, safeJson, wholeLine } from "./output/text.ts";
import type { Output } from "./shell.ts";

export interface Answer {
  /** With --json: one object, on one line. Its fields are kept from version to version. */
  readonly json: unknown;
  /** For a person. Ended by a newline. */
  readonly text: string;
  /** With --quiet: what a script takes up, one per line; nothing when absent. */
  readonly quiet?: readonly string[];
}

export interface Voice {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  answer(answer: Answer): void;
  /** One row of a stream: an object on a line with --json, a text for a person otherwise. */
  row(json: unknown, text: string): void;
  /** What went wrong while the command goes on; in every form, as a line on standard error. */
  warn(error: MusterError): void;
  /** Advice that only a person wants. On standard error, so that it never mixes with the answer. */
  note(text: string): void;
}

export interface VoiceOptions {
  readonly out: Output;
  readonly err: Output;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Puts the commands in a text as they are called here. */
  readonly called: (text: string) => string;
}

export function createVoice({ out, err, called, ...form }: VoiceOptions): Voice {
  const json = (value: unknown) => out.write(`${safeJson(value)}\n`);
  return {
    isJson: form.json,
    isQuiet: form.quiet && !form.json,
    answer: (answer) => {
      if (form.json) json(answer.json);
      else if (form.quiet) out.write((answer.quiet ?? []).map((line) => `${wholeLine(line)}\n`).join(""));
      else out.write(colouredText(answer.text));
    },
    row: (value, text) => {
      if (form.json) json(value);
      else out.write(colouredText(text));
    },
    warn: (error) => err.write(called(form.json ? warningAsJson(error) : warningAsText(error, err.paint))),
    note: (text) => {
      if (!form.json && !form.quiet) err.write(`${err.paint("dim", colouredText(called(text)))}\n`);
    },
  };
}
