// export: the record of a thread, a project, or of everything the caller may see, streamed page by page.
import { resolve } from "node:path";
import { EVENT_SCHEMA_VERSION, MusterError, type ProjectId, type ThreadId, type WireEvent } from "@muster/contracts";
import { type Command, Option } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import { RecordWriter } from "../export/record.ts";
import { fileTarget, outputTarget, type Target } from "../export/target.ts";
import { Transcript } from "../export/transcript.ts";
import { connect, type Hub } from "../hub.ts";
import { counted } from "../output/text.ts";
import { chooseProject, readEverything, resolveThread } from "../reads.ts";

const PAGE_EVENTS = 500;
const INTERRUPTED_EXIT_CODE = 130;

interface ExportOptions {
  readonly thread?: string;
  readonly project?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly format: "jsonl" | "markdown";
}

export function addExportCommand({ program, context }: Registry): void {
  program
    .command("export")
    .description("write the record of what happened, to keep or to read elsewhere")
    .addOption(new Option("--thread <id>", "of one thread only").conflicts("project"))
    .option("--project <id>", "of one project and its threads only")
    .option("--out <file>", "a file that only you can read; standard output when absent")
    .option("--force", "replace the file when it is there")
    .addOption(
      new Option("--format <format>", "jsonl: every event; markdown: a thread to read")
        .choices(["jsonl", "markdown"])
        .default("jsonl"),
    )
    .addHelpText(
      "after",
      `${examples(
        "export --out everything.jsonl",
        "export --project website --out website.jsonl",
        "export --thread 3f9ac210 --format markdown",
      )}

A record is JSON Lines: a header, one line per event in the order of the log, and a trailer with their number and a
SHA-256 of all lines before it. A file is there whole or not at all.`,
    )
    .action((options: ExportOptions, command: Command) => exportRecord(context(command), options));
}

interface Scope {
  readonly threadId?: ThreadId;
  readonly projectId?: ProjectId;
}

async function exportRecord(context: Context, options: ExportOptions): Promise<void> {
  const hub = connect(context);
  const signal = context.shell.interrupted();
  if (options.format === "markdown" && options.thread === undefined)
    throw refusal("validation_failed", "Markdown is for one thread.", "Name it with --thread.");
  const scope = await scopeOf(context, hub, options);
  const path = options.out === undefined ? null : resolve(context.shell.currentFolder, options.out);
  const target =
    path === null ? outputTarget(context.shell.out) : await fileTarget(path, { overwrite: options.force === true });
  let events: number | null;
  try {
    events = await write({ context, hub, scope, target, signal, isMarkdown: options.format === "markdown" });
    if (events !== null) await target.finish();
    else await target.discard();
  } catch (error) {
    await target.discard();
    throw error;
  }
  if (events === null) return context.exitWith(INTERRUPTED_EXIT_CODE);
  if (path !== null)
    context.voice.answer({
      json: { path, events },
      text: `Exported ${counted(events, "event")} to ${path}.\n`,
      quiet: [path],
    });
}

async function scopeOf(context: Context, hub: Hub, options: ExportOptions): Promise<Scope> {
  if (options.thread !== undefined) return { threadId: await resolveThread(context, hub, options.thread) };
  if (options.project === undefined) return {};
  const { projects } = await readEverything(hub);
  return { projectId: chooseProject(context, projects, options.project).projectId };
}

interface Writing {
  readonly context: Context;
  readonly hub: Hub;
  readonly scope: Scope;
  readonly target: Target;
  readonly signal: AbortSignal;
  readonly isMarkdown: boolean;
}

/** How many events were written; null when the person had enough. */
async function write({ context, hub, scope, target, signal, isMarkdown }: Writing): Promise<number | null> {
  const { generation, headSequence } = await hub.api.health();
  const record = new RecordWriter();
  const transcript = new Transcript();
  if (!isMarkdown) {
    const exportedAt = new Date(context.shell.now()).toISOString();
    await target.write(
      record.header({ generation, schemaVersion: EVENT_SCHEMA_VERSION, headSequence, exportedAt, scope }),
    );
  }
  let count = 0;
  for await (const events of pages(hub, { generation, headSequence, scope, signal })) {
    count += events.length;
    if (isMarkdown) for (const event of events) transcript.take(event);
    else await target.write(events.map((event) => record.event(event)).join(""));
    showProgress(context, events.at(-1)?.sequence ?? 0, headSequence);
  }
  showProgress(context, null, headSequence);
  if (signal.aborted) return null;
  await target.write(isMarkdown ? transcript.toString() : record.trailer());
  return count;
}

interface Reading {
  readonly generation: string;
  readonly headSequence: number;
  readonly scope: Scope;
  readonly signal: AbortSignal;
}

/** The events of the scope up to the head, a page at a time. */
async function* pages(hub: Hub, { generation, headSequence, scope, signal }: Reading): AsyncGenerator<WireEvent[]> {
  const { threadId } = scope;
  const belongs = ofScope(scope);
  let after = 0;
  while (!signal.aborted && after < headSequence) {
    const page = await hub.api.orchestration.eventsPage({
      after,
      limit: PAGE_EVENTS,
      ...(threadId === undefined ? {} : { threadId }),
    });
    if (page.generation !== generation)
      throw new MusterError("unavailable", "The hub's database was restored meanwhile; export again.");
    yield page.events.filter((event) => event.sequence <= headSequence && belongs(event));
    if (!page.hasMore) return;
    after = page.nextAfter;
  }
}

/** A project's threads are known by the events that created them, which come first. */
function ofScope({ projectId }: Scope): (event: WireEvent) => boolean {
  if (projectId === undefined) return () => true;
  const threads = new Set<string>();
  return ({ aggregateKind, streamId, eventType, payload }) => {
    if (aggregateKind === "project") return streamId === projectId;
    if (eventType === "thread.created" && payload["projectId"] === projectId) threads.add(streamId);
    return threads.has(streamId);
  };
}

/** On standard error, on a terminal alone; `null` takes it away. */
function showProgress({ shell: { err }, voice }: Context, sequence: number | null, headSequence: number): void {
  if (!err.isTerminal || voice.isJson || voice.isQuiet) return;
  err.write(sequence === null ? "\r\u001b[K" : `\r\u001b[K${sequence} of ${counted(headSequence, "event")}`);
}
