// How the demo shows itself: a spinner that turns into a checked line on a terminal, plain lines elsewhere, one object
// per line with --json.
import { intro, log, outro } from "@clack/prompts";
import type { Context } from "../context.ts";
import { cut } from "../output/text.ts";
import { lasting } from "../output/time.ts";
import type { Paint } from "../shell.ts";
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

function live({ paint, shell, width }: Context): Progress {
  return {
    begin: () => intro(paint("bold", TITLE)),
    step: ({ title }) => {
      const stop = spin(title, { paint, width, write: shell.out.write });
      return {
        done: ({ verified, detail, durationMs }) => {
          stop();
          const text = `${title} ${paint("dim", lasting(durationMs))}\n${paint("dim", detail)}`;
          if (verified) log.step(text, { spacing: 0 });
          else log.error(text, { spacing: 0 });
        },
      };
    },
    end: (text) => {
      outro();
      shell.out.write(text);
    },
  };
}

const FRAMES = ["◒", "◐", "◓", "◑"];
const FRAME_MS = 100;

interface Drawing {
  readonly paint: Paint;
  readonly width: number;
  write(text: string): void;
}

/**
 * A turning sign on the current line, until the returned function takes it away. The library's own reads the keyboard
 * and ends the process on Ctrl-C by itself, past our cleaning up.
 */
function spin(title: string, { paint, width, write }: Drawing): () => void {
  let turn = 0;
  const draw = (): void => {
    const frame = FRAMES[turn % FRAMES.length] ?? "";
    turn += 1;
    write(`\r${paint("magenta", frame)}  ${cut(title, width - 4)}`);
  };
  draw();
  const timer = setInterval(draw, FRAME_MS);
  return () => {
    clearInterval(timer);
    write("\r\u001b[K");
  };
}
