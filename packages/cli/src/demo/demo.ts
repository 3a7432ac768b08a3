// The demo from its first step to its last: runs the steps, says how each went, sums up, and cleans up whatever
// happened. It succeeds only when every step was verified.
import { MusterError } from "@muster/contracts";
import type { Context } from "../context.ts";
import { facts } from "../output/table.ts";
import { counted, oneLine } from "../output/text.ts";
import { lasting } from "../output/time.ts";
import { createProgress, type StepResult } from "./progress.ts";
import type { GrowingWorld, Step } from "./step.ts";
import { END_STEP, STEPS } from "./steps.ts";
import { NotVerified } from "./wait.ts";
import { cleanUp, consoleLink, makeFolders } from "./world.ts";

const DEMO_LIMIT_MS = 30_000;
const NOT_VERIFIED_EXIT_CODE = 1;
const INTERRUPTED_EXIT_CODE = 130;

export async function runDemo(context: Context, { isKept }: { isKept: boolean }): Promise<void> {
  const { shell } = context;
  const interruption = shell.interrupted();
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new NotVerified(`the demo took longer than ${DEMO_LIMIT_MS / 1000} s`)),
    DEMO_LIMIT_MS,
  );
  const began = performance.now();
  const signal = AbortSignal.any([interruption, deadline.signal]);
  const world: GrowingWorld = { shell, folders: makeFolders(), signal, seen: new Map() };
  const progress = createProgress(context);
  try {
    progress.begin();
    const results: StepResult[] = [];
    for (const step of isKept ? STEPS : [...STEPS, END_STEP]) {
      const shown = progress.step(step);
      const result = await perform(step, world);
      results.push(result);
      shown.done(result);
      if (!result.verified) break;
    }
    clearTimeout(timer);
    const isVerified = results.every(({ verified }) => verified);
    summarize(context, {
      world,
      results,
      isKept: isKept && isVerified,
      isInterrupted: interruption.aborted,
      durationMs: performance.now() - began,
      end: progress.end,
    });
    if (interruption.aborted) context.exitWith(INTERRUPTED_EXIT_CODE);
    else if (!isVerified) context.exitWith(NOT_VERIFIED_EXIT_CODE);
    else if (isKept) await untilInterrupted(context);
  } finally {
    clearTimeout(timer);
    await world.watch?.stop();
    await cleanUp(world.folders, world.up, world.seen);
  }
}

async function perform(step: Step, world: GrowingWorld): Promise<StepResult> {
  const began = performance.now();
  const result = (verified: boolean, detail: string): StepResult => ({
    step: step.name,
    title: step.title,
    verified,
    detail: oneLine(detail),
    durationMs: Math.round(performance.now() - began),
  });
  try {
    return result(true, await step.run(world));
  } catch (error) {
    const reason: unknown = world.signal.aborted ? world.signal.reason : error;
    if (reason instanceof NotVerified) return result(false, reason.message);
    if (reason instanceof MusterError) return result(false, `${reason.message} (${reason.code})`);
    if (world.signal.aborted) return result(false, "interrupted");
    // A bug of the demo itself.
    return result(false, reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason));
  }
}

interface Summary {
  readonly world: GrowingWorld;
  readonly results: readonly StepResult[];
  readonly isKept: boolean;
  readonly isInterrupted: boolean;
  readonly durationMs: number;
  end(text: string): void;
}

function summarize(context: Context, { world, results, isKept, isInterrupted, durationMs, end }: Summary): void {
  const { paint, voice, muster } = context;
  const verified = results.filter((result) => result.verified).length;
  const isVerified = verified === results.length;
  const url = world.up?.ready.url;
  const threads = [world.first, world.second].flatMap((thread) =>
    thread === undefined || url === undefined
      ? []
      : [{ threadId: thread.threadId, title: thread.title, url: consoleLink(url, thread.threadId) }],
  );
  voice.row(
    {
      type: "summary",
      ok: isVerified,
      verified,
      durationMs: Math.round(durationMs),
      url: url ?? null,
      kept: isKept,
      threads,
    },
    "",
  );
  const head = isVerified
    ? `${paint("green", "✓")} ${counted(verified, "step")} verified in ${lasting(durationMs)}.\n`
    : `${paint("red", "✗")} ${isInterrupted ? "Interrupted in" : "Not as it should be"}: ${results.at(-1)?.title}. ${counted(verified, "step")} before it verified.\n`;
  const links = threads.map(({ title, url: link }) => [title, link] as const);
  const login = world.up === undefined ? [] : [["Log in", world.up.ready.loginUrl] as const];
  const folder = [["Folder", world.folders.root] as const];
  if (isKept) {
    end(`${head}\nIt keeps running until Ctrl-C. In the console:\n${facts([...login, ...links, ...folder], paint)}`);
    return;
  }
  const advice = isVerified ? paint("dim", `Gone again; \`${muster} demo --keep\` leaves them open.\n`) : "";
  end(`${head}${links.length === 0 ? "" : `\nThe threads were:\n${facts(links, paint)}`}${advice}`);
}

function untilInterrupted(context: Context): Promise<void> {
  const signal = context.shell.interrupted();
  // A signal alone keeps no process alive.
  const alive = setInterval(() => {}, 60_000);
  return new Promise((resolve) => {
    const done = (): void => {
      clearInterval(alive);
      context.voice.note("\nCleaning up …");
      resolve();
    };
    if (signal.aborted) done();
    else signal.addEventListener("abort", done, { once: true });
  });
}
