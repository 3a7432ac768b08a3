// turn start, turn interrupt, turn tail: what is asked of an agent, and watching it work.
import { canContinue, continuationOf } from "@muster/client";
import { type DispatchResult, MESSAGE_TEXT_MAX_CHARACTERS, type ThreadId, type TurnId } from "@muster/contracts";
import { type Command, Option } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import { followTurn } from "../follow/turn.ts";
import { connect, type Hub } from "../hub.ts";
import { shortId } from "../ids.ts";
import { currentTurn, resolveThread } from "../reads.ts";

interface StartOptions {
  readonly follow?: boolean;
  readonly queue?: boolean;
  readonly model?: string;
  readonly effort?: "low" | "medium" | "high";
}

const EXIT_CODES = `
Exit code: 0 when the turn completed, 6 when it was interrupted, otherwise that of its error (see the errors reference).
SIGINT ends the watching; the turn goes on.`;

export function addTurnCommands({ program, context }: Registry): void {
  const turn = program
    .command("turn")
    .description("ask an agent to work, and watch it")
    .addHelpText("after", examples('turn start "fix the flaky test" --follow', "turn interrupt", "turn tail"));
  turn
    .command("start")
    .description("start a turn")
    .argument(
      "<thread-and-text...>",
      'the thread, if not the latest one, and the text; "-" reads it from standard input',
    )
    .usage('[options] [thread] "<text>"')
    .option("--follow", "watch the turn until it ends")
    .option("--queue", "wait in the queue when a turn is running")
    .option("--model <model>", "model for this turn, as the agent names it")
    .addOption(new Option("--effort <effort>", "how hard to think").choices(["low", "medium", "high"]))
    .addHelpText(
      "after",
      `${examples('turn start "fix the flaky test" --follow', 'turn start 3f9ac210 "now the docs" --queue', "turn start - < request.txt")}\n${EXIT_CODES}`,
    )
    .action((words: string[], options: StartOptions, command: Command) => startTurn(context(command), words, options));
  turn
    .command("continue")
    .description("go on with the latest turn, when it was interrupted or failed")
    .argument("[thread]", "id, or a beginning or end of it; the latest thread when absent")
    .option("--follow", "watch the turn until it ends")
    .addHelpText("after", `${examples("turn continue --follow", "turn continue 3f9ac210")}\n${EXIT_CODES}`)
    .action((given: string | undefined, options: { follow?: boolean }, command: Command) =>
      continueTurn(context(command), given, options),
    );
  turn
    .command("interrupt")
    .description("stop the turn that runs")
    .argument("[thread]", "id, or a beginning or end of it; the latest thread when absent")
    .addHelpText("after", examples("turn interrupt", "turn interrupt 3f9ac210"))
    .action((given: string | undefined, _options: object, command: Command) => interruptTurn(context(command), given));
  turn
    .command("tail")
    .description("watch the turn that runs, or read the latest one, until it ends")
    .argument("[thread]", "id, or a beginning or end of it; the latest thread when absent")
    .addHelpText("after", `${examples("turn tail", "turn tail 3f9ac210 --json")}\n${EXIT_CODES}`)
    .action((given: string | undefined, _options: object, command: Command) => tailTurn(context(command), given));
}

/** `[thread] "<text>"`: one word is the text; two are the thread and the text. */
export function threadAndText(words: readonly string[]): { thread: string | undefined; text: string } {
  const [first = "", second] = words;
  if (words.length > 2) {
    throw refusal("validation_failed", `The text came as ${words.length - 1} words.`, "Put it in quotes.");
  }
  return second === undefined ? { thread: undefined, text: first } : { thread: first, text: second };
}

async function startTurn(context: Context, words: readonly string[], options: StartOptions): Promise<void> {
  const { thread, text: given } = threadAndText(words);
  const text = given === "-" ? await textFromInput(context) : given;
  if (text.trim() === "") throw refusal("validation_failed", "The text is empty.", "Say what the agent is to do.");
  const hub = connect(context);
  const threadId = await resolveThread(context, hub, thread);
  const turnId = hub.ids.next() as TurnId;
  const ask = () =>
    hub.dispatch({
      type: "thread.turn.start",
      threadId,
      turnId,
      message: { messageId: hub.ids.next(), role: "user", text },
      ...(options.model === undefined ? {} : { model: options.model }),
      ...(options.effort === undefined ? {} : { effort: options.effort }),
      whenBusy: options.queue ? "queue" : "reject",
    });
  await askForTurn(context, hub, { threadId, turnId, ask }, options);
}

async function textFromInput({ shell }: Context): Promise<string> {
  const text = await shell.readInput(MESSAGE_TEXT_MAX_CHARACTERS);
  if (text !== null) return text.trimEnd();
  throw refusal(
    "validation_failed",
    `The text on standard input is longer than ${MESSAGE_TEXT_MAX_CHARACTERS} characters.`,
    "Put it into a file of the project, and ask the agent to read that.",
  );
}

/** The latest turn's own request once more, as a new turn. */
async function continueTurn(
  context: Context,
  given: string | undefined,
  options: { readonly follow?: boolean },
): Promise<void> {
  const hub = connect(context);
  const threadId = await resolveThread(context, hub, given);
  const window = await hub.api.orchestration.getThread({ threadId, turnLimit: 50 });
  const latest = currentTurn(window);
  if (latest === undefined || !canContinue(latest, window.thread)) {
    const state =
      latest === undefined ? "has no turn yet" : `is not to be continued: its latest turn is ${latest.status}`;
    throw refusal("turn_not_found", `The thread ${state}.`, 'Start one with `muster turn start "…"`.', { threadId });
  }
  const command = await continuationOf(hub, latest);
  const ask = () => hub.dispatch(command);
  await askForTurn(context, hub, { threadId, turnId: command.turnId, ask }, options);
}

interface AskedTurn {
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
  readonly ask: () => Promise<DispatchResult>;
}

/** Asks for the turn and answers with it, or follows it where that was asked too. */
async function askForTurn(
  context: Context,
  hub: Hub,
  { threadId, turnId, ask }: AskedTurn,
  options: { readonly follow?: boolean },
): Promise<void> {
  const answerOf = ({ receipt, sequence }: DispatchResult) => ({ threadId, turnId, receipt, sequence });
  if (options.follow) {
    // The answer is the stream; its first row says which turn it is.
    const start = async () => {
      const json = answerOf(await ask());
      if (context.voice.isJson) context.voice.row({ type: "started", ...json }, "");
    };
    return followTurn(context, hub, { threadId, turnId, start });
  }
  context.voice.answer({
    json: answerOf(await ask()),
    text: `${context.paint("green", "✓")} Asked in thread ${shortId(threadId)} ${context.paint("dim", `(turn ${shortId(turnId)})`)}\n`,
    quiet: [turnId],
  });
  context.voice.note(`Next: ${context.muster} turn tail ${shortId(threadId)}`);
}

async function tailTurn(context: Context, given: string | undefined): Promise<void> {
  const hub = connect(context);
  const threadId = await resolveThread(context, hub, given);
  const turn = currentTurn(await hub.api.orchestration.getThread({ threadId, turnLimit: 50 }));
  if (turn === undefined)
    throw refusal("turn_not_found", "The thread has no turn yet.", 'Start one with `muster turn start "…"`.', {
      threadId,
    });
  await followTurn(context, hub, { threadId, turnId: turn.turnId });
}

async function interruptTurn(context: Context, given: string | undefined): Promise<void> {
  const hub = connect(context);
  const threadId: ThreadId = await resolveThread(context, hub, given);
  const { sequence, receipt } = await hub.dispatch({ type: "thread.turn.interrupt", threadId });
  context.voice.answer({
    json: { threadId, receipt, sequence },
    text: `${context.paint("green", "✓")} The turn in thread ${shortId(threadId)} is asked to stop.\n`,
  });
}
