// projections list, rebuild: how far the rows that everyone reads have followed the log, and making them anew from it
// while the hub serves.
import { setTimeout as pause } from "node:timers/promises";
import {
  ERRORS,
  type ErrorCode,
  MusterError,
  PROJECTOR_NAMES,
  type ProjectorName,
  type Rebuild,
} from "@muster/contracts";
import { Argument, type Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect, type Hub } from "../hub.ts";
import { table } from "../output/table.ts";
import { counted, oneLine } from "../output/text.ts";
import { ago, lasting } from "../output/time.ts";

const POLL_MS = 200;
/** What a swap changed is told a moment after it. */
const POLLS_FOR_ROWS_MAX = 10;

export function addProjectionCommands({ program, context }: Registry): void {
  const projections = program
    .command("projections")
    .description("the rows that everyone reads, made from the log")
    .addHelpText("after", examples("projections list", "projections rebuild"));
  projections
    .command("list")
    .description("show how far each projection has followed the log, and the last rebuild")
    .addHelpText("after", examples("projections list", "projections list --json"))
    .action((_options: object, command: Command) => listProjections(context(command)));
  projections
    .command("rebuild")
    .description("make the rows of one projection, or of all, anew from the log, while the hub serves")
    .addArgument(new Argument("[name]", "the projection; all of them when absent").choices(PROJECTOR_NAMES))
    .addHelpText(
      "after",
      examples("projections rebuild", "projections rebuild threads", "projections rebuild thread_messages --json"),
    )
    .action((name: ProjectorName | undefined, _options: object, command: Command) =>
      rebuildProjections(context(command), name),
    );
}

async function listProjections(context: Context): Promise<void> {
  const projections = await connect(context).api.projections.get();
  const { paint, shell, width } = context;
  const { headSequence, projectors, rebuild, skipped } = projections;
  const rows = projectors.map(({ name, lastAppliedSequence, updatedAt }) => [
    oneLine(name),
    String(lastAppliedSequence),
    String(Math.max(0, headSequence - lastAppliedSequence)),
    ago(updatedAt, shell.now()),
  ]);
  const columns = [
    { title: "PROJECTION" },
    { title: "AT EVENT", align: "right" as const },
    { title: "BEHIND", align: "right" as const },
    { title: "MOVED" },
  ];
  const lines = [
    ...(skipped.count === 0 ? [] : [`${counted(skipped.count, "event")} could not be read and were passed.`]),
    ...(rebuild === null ? [] : [rebuildLine(rebuild, shell.now())]),
  ];
  context.voice.answer({
    json: projections,
    text: table({ columns, rows, width, paint }) + lines.map((line) => `${line}\n`).join(""),
    quiet: projectors.map(({ name }) => name),
  });
}

function rebuildLine(rebuild: Rebuild, now: number): string {
  const what = `Rebuild ${rebuild.rebuildNumber}`;
  if (rebuild.state === "running") return `${what} runs: ${progressOf(rebuild)}.`;
  if (rebuild.state === "failed") return `${what} failed ${ago(rebuild.finishedAt, now)} (${rebuild.error}).`;
  return `${what} finished ${ago(rebuild.finishedAt, now)}: ${changesOf(rebuild)}.`;
}

const progressOf = ({ appliedSequence, headSequence }: Rebuild): string =>
  `${appliedSequence} of ${counted(headSequence, "event")}`;

function changesOf({ rows }: Rebuild): string {
  if (rows === null) return "its rows are live";
  if (rows.removed === 0 && rows.written === 0) return "every row was right already";
  return `${counted(rows.removed, "row")} removed or replaced, ${rows.written} written`;
}

async function rebuildProjections(context: Context, name: ProjectorName | undefined): Promise<void> {
  const hub = connect(context);
  const signal = context.shell.interrupted();
  const begun = await hub.api.projections.rebuild(name === undefined ? {} : { projector: name });
  const rebuild = await follow(context, hub, begun, signal);
  if (rebuild.state === "running") {
    context.voice.note(`It goes on without you; \`${context.muster} projections list\` shows how far it is.`);
    return context.exitWith(130);
  }
  if (rebuild.state === "failed") throw failureOf(rebuild);
  const { skipped } = rebuild;
  const took = lasting(Date.parse(rebuild.finishedAt ?? rebuild.startedAt) - Date.parse(rebuild.startedAt));
  const what = name ?? counted(rebuild.projectors.length, "projection");
  const lines = [
    `Rebuilt ${what} from ${counted(rebuild.headSequence, "event")} in ${took}: ${changesOf(rebuild)}.`,
    ...skipped.kinds.map(
      ({ eventType, schemaVersion, count }) =>
        `Passed ${counted(count, "event")} of ${oneLine(eventType)} ${oneLine(schemaVersion)}, which this hub cannot read.`,
    ),
  ];
  context.voice.answer({ json: rebuild, text: lines.map((line) => `${line}\n`).join("") });
}

/** Until it is over or the person has had enough. Progress goes to standard error, on a terminal alone. */
async function follow(context: Context, hub: Hub, begun: Rebuild, signal: AbortSignal): Promise<Rebuild> {
  const { err } = context.shell;
  const isShown = err.isTerminal && !context.voice.isJson && !context.voice.isQuiet;
  let rebuild = begun;
  for (let polls = 0; polls < POLLS_FOR_ROWS_MAX && !signal.aborted; ) {
    if (isShown) err.write(`\r\u001b[K${progressOf(rebuild)}`);
    await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
    const { rebuild: newest } = await hub.api.projections.get();
    if (newest === null || newest.rebuildNumber !== begun.rebuildNumber) break;
    rebuild = newest;
    if (rebuild.state === "failed" || rebuild.rows !== null) break;
    if (rebuild.state === "finished") polls += 1;
  }
  if (isShown) err.write("\r\u001b[K");
  return rebuild;
}

const isErrorCode = (code: string | null): code is ErrorCode => code !== null && Object.hasOwn(ERRORS, code);

const failureOf = ({ error }: Rebuild): MusterError =>
  new MusterError(isErrorCode(error) ? error : "internal_error", "The rebuild failed; the rows are as they were.");
