// thread new, thread list, thread show: the conversations.
import { resolve } from "node:path";
import {
  type DetectedProvider,
  MusterError,
  type ProjectRow,
  RuntimeMode,
  type ThreadSummary,
} from "@muster/contracts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect } from "../hub.ts";
import { shortId } from "../ids.ts";
import { newestSlots } from "../nodes.ts";
import { table } from "../output/table.ts";
import { oneLine } from "../output/text.ts";
import { threadText } from "../output/thread.ts";
import { ago } from "../output/time.ts";
import { threadState } from "../output/words.ts";
import { chooseProject, readEverything, resolveThread } from "../reads.ts";
import { sessionIdOf } from "../sessions.ts";

interface NewOptions {
  readonly project?: string;
  readonly provider?: string;
  readonly mode: RuntimeMode;
  readonly title?: string;
  readonly model?: string;
  readonly branch?: string;
  readonly worktree?: string;
  readonly session?: string;
}

export function addThreadCommands({ program, context }: Registry): void {
  const thread = program
    .command("thread")
    .description("the conversations with agents")
    .addHelpText("after", examples("thread new", "thread list", "thread show"));
  thread
    .command("new")
    .description("open a thread in a project")
    .option("--project <id>", "project by id or title; the one of this folder when absent")
    .option("--session <id>", "only projects of this session, by id or title")
    .option("--provider <name>", "the agent, as `muster agents` names it")
    .addOption(
      new Option("--mode <mode>", "what the agent may do without asking")
        .choices(RuntimeMode.options)
        .default("approval-required"),
    )
    .option("--title <title>", "what to call it")
    .option("--model <model>", "model, as the agent names it")
    .option("--branch <branch>", "branch to name in the thread")
    .option("--worktree <path>", "folder to work in instead of the project's own")
    .addHelpText(
      "after",
      examples(
        "thread new",
        'thread new --provider sample --title "Try it out"',
        "thread new --mode auto-accept-edits",
      ),
    )
    .action((options: NewOptions, command: Command) => newThread(context(command), options));
  thread
    .command("list")
    .description("list the threads, the last changed first")
    .option("--project <id>", "of one project only")
    .option("--archived", "the archived ones instead")
    .addHelpText("after", examples("thread list", "thread list --project Shop", "thread list --json"))
    .action((options: { project?: string; archived?: boolean }, command: Command) =>
      listThreads(context(command), options),
    );
  thread
    .command("show")
    .description("show the latest turns of a thread")
    .argument("[thread]", "id, or a beginning or end of it; the latest thread when absent")
    .option("--turns <number>", "how many turns, at most 50", wholeNumber, 10)
    .addHelpText("after", examples("thread show", "thread show 3f9ac210 --turns 1", "thread show 3f9ac210 --json"))
    .action((given: string | undefined, options: { turns: number }, command: Command) =>
      showThread(context(command), given, options.turns),
    );
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It is a whole number.");
  return Number(text);
}

/** The named agent if the machine has it; without a name the first real one found, else the sample agent. */
export function chooseProvider(
  agents: readonly DetectedProvider[] | undefined,
  given: string | undefined,
): { name: string; isGuess: boolean } {
  if (given !== undefined) {
    // What a machine has not told of may still be configured there, so only a known absence is refused here.
    const known = agents?.find(({ name }) => name === given);
    if (known && !known.found) {
      throw new MusterError("agent_not_found", `${known.title} is not installed on that machine.`, {
        ...(known.installHint === null ? {} : { install: known.installHint }),
      });
    }
    return { name: given, isGuess: false };
  }
  const found = (agents ?? []).filter((agent) => agent.found);
  const chosen = found.find(({ name }) => name !== "sample") ?? found[0];
  if (chosen === undefined) {
    throw new MusterError("validation_failed", "No agent was found on that machine; name one with --provider.");
  }
  return { name: chosen.name, isGuess: true };
}

async function newThread(context: Context, options: NewOptions): Promise<void> {
  const hub = connect(context);
  const [{ projects }, { nodes }, sessionId] = await Promise.all([
    readEverything(hub),
    hub.api.nodes.list(),
    sessionIdOf(hub, options.session),
  ]);
  const offered = projects.filter((each) => sessionId === null || each.sessionId === sessionId);
  const project = chooseProject(context, offered, options.project);
  const node = newestSlots(nodes).find(({ nodeId }) => nodeId === project.nodeId);
  const provider = chooseProvider(node?.capabilities.providers, options.provider);
  const threadId = hub.ids.next();
  const title = options.title ?? `${provider.name} in ${project.title}`.slice(0, 256);
  await hub.dispatch({
    type: "thread.create",
    threadId,
    projectId: project.projectId,
    title,
    provider: provider.name,
    ...(options.model === undefined ? {} : { model: options.model }),
    branch: options.branch ?? null,
    worktreePath: options.worktree === undefined ? null : resolve(context.shell.currentFolder, options.worktree),
    runtimeMode: options.mode,
  });
  const { paint } = context;
  context.voice.answer({
    json: { threadId, projectId: project.projectId, title, provider: provider.name, runtimeMode: options.mode },
    text: `${paint("green", "✓")} ${paint("bold", oneLine(title))} ${paint("dim", `(${shortId(threadId)})`)}: ${oneLine(provider.name)}, ${options.mode}\n`,
    quiet: [threadId],
  });
  const choice = provider.isGuess ? `The agent is ${provider.name}; choose another with --provider. ` : "";
  context.voice.note(`${choice}Next: ${context.muster} turn start ${shortId(threadId)} "…" --follow`);
}

async function listThreads(context: Context, options: { project?: string; archived?: boolean }): Promise<void> {
  const hub = connect(context);
  const everything = await readEverything(hub, options.archived ? { archived: true } : {});
  const project = options.project === undefined ? null : chooseProject(context, everything.projects, options.project);
  const threads = everything.threads.filter(({ projectId }) => project === null || projectId === project.projectId);
  context.voice.answer({
    json: { threads },
    text: threads.length === 0 ? "No thread yet.\n" : threadTable(context, threads, everything.projects),
    quiet: threads.map(({ threadId }) => threadId),
  });
  if (threads.length === 0) context.voice.note(`Next: ${context.muster} thread new`);
}

function threadTable(
  { paint, shell, width }: Context,
  threads: readonly ThreadSummary[],
  projects: readonly ProjectRow[],
): string {
  const titles = new Map(projects.map(({ projectId, title }) => [projectId, title]));
  const rows = threads.map((thread) => [
    oneLine(thread.title),
    threadState(thread, paint),
    thread.latestTurn?.turnCount == null ? "" : String(thread.latestTurn.turnCount),
    thread.queuedTurnCount === 0 ? "" : String(thread.queuedTurnCount),
    oneLine(thread.provider),
    oneLine(titles.get(thread.projectId) ?? ""),
    ago(thread.updatedAt, shell.now()),
    paint("dim", shortId(thread.threadId)),
  ]);
  const columns = [
    { title: "THREAD", isFlexible: true },
    { title: "STATE" },
    { title: "TURN", align: "right" },
    { title: "WAITING", align: "right" },
    { title: "AGENT" },
    { title: "PROJECT" },
    { title: "CHANGED" },
    { title: "ID" },
  ] as const;
  return table({ columns, rows, width, paint });
}

async function showThread(context: Context, given: string | undefined, turns: number): Promise<void> {
  if (turns < 1 || turns > 50) throw new MusterError("validation_failed", "--turns is a number from 1 to 50.");
  const hub = connect(context);
  const threadId = await resolveThread(context, hub, given);
  const window = await hub.api.orchestration.getThread({ threadId, turnLimit: turns });
  const { paint, shell, width } = context;
  context.voice.answer({
    json: window,
    text: threadText(window, { paint, width, now: shell.now(), muster: context.muster }),
    quiet: window.turns.map(({ turnId }) => turnId),
  });
}
