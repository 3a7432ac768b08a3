// How the demo shows itself: a spinner that turns into a checked line on a terminal, plain lines elsewhere, one object
// per line with --json.
import { intro, log, outro, spinner } from "@clack/prompts";
import type { Context } from "../context.ts";
import { lasting } from "../output/time.ts";
import type { Step } from "./step.ts";

export interface StepResult {
  readonly step: string;
  readonly title: string;
  readonly verified: boolean;
  /** What was verified, or what was not as expected. */
  readonly detail: string;
  readonly durationMs: number;
}

export interface Progress {
  begin(): void;
  step(step: Step): { done(result: StepResult): void };
  end(text: string): void;
}

const TITLE = "Muster: two agents at work";

export function createProgress(context: Context): Progress {
  const { shell, voice } = context;
  if (voice.isJson || voice.isQuiet) return rows(context);
  return shell.out.isTerminal ? live(context) : lines(context);
}

function rows({ voice }: Context): Progress {
  return {
    begin: () => {},
    step: () => ({ done: (result) => voice.row({ type: "step", ...result }, "") }),
    end: () => {},
  };
}

function lines({ shell }: Context): Progress {
  return {
    begin: () => shell.out.write(`${TITLE}\n`),
    step: ({ title }) => {
      shell.out.write(`… ${title}\n`);
      return {
        done: ({ verified, detail, durationMs }) =>
          shell.out.write(`${verified ? "✓" : "✗"} ${detail} (${lasting(durationMs)})\n`),
      };
    },
    end: (text) => shell.out.write(`\n${text}`),
  };
}

function live({ paint, shell }: Context): Progress {
  return {
    begin: () => intro(paint("bold", TITLE)),
    step: ({ title }) => {
      const spinning = spinner();
      spinning.start(title);
      return {
        done: ({ verified, detail, durationMs }) => {
          const text = `${title} ${paint("dim", lasting(durationMs))}\n${paint("dim", detail)}`;
          if (verified) spinning.stop(text);
          else {
            spinning.error(title);
            log.error(detail);
          }
        },
      };
    },
    end: (text) => {
      outro();
      shell.out.write(text);
    },
  };
}
