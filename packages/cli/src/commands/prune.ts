// prune: takes out what archived and deleted threads no longer need, in parts, telling what each run freed.
import { ARCHIVED_KEPT_DAYS_MAX, ARCHIVED_KEPT_DAYS_MIN, DELETED_KEPT_DAYS, type PruneReport } from "@muster/contracts";
import { type Command, InvalidArgumentError } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect } from "../hub.ts";
import { facts } from "../output/table.ts";
import { counted, sizeText } from "../output/text.ts";

interface PruneOptions {
  readonly olderThan?: number;
  readonly dryRun?: boolean;
}

type Totals = Omit<PruneReport, "next">;

/** Of a person's own SIGINT, as shells have it. */
const INTERRUPTED_EXIT_CODE = 130;
/** How often a person hears how far it is. */
const PROGRESS_INTERVAL_MS = 2_000;

export function addPruneCommand({ program, context }: Registry): void {
  program
    .command("prune")
    .description("take out details of old archived threads, and the content of deleted ones")
    .option("--older-than <age>", "days or weeks since archiving, as 30d or 8w (the hub's own setting, 30d)", parseAge)
    .option("--dry-run", "count, and change nothing")
    .addHelpText("after", examples("prune --dry-run", "prune", "prune --older-than 90d --json"))
    .action((options: PruneOptions, command: Command) => prune(context(command), options));
}

/** `30d`, `8w`, or a bare number of days. */
export function parseAge(text: string): number {
  const match = /^(\d{1,5})([dw]?)$/.exec(text);
  if (match === null) throw new InvalidArgumentError("An age is a number of days or weeks, as 30d or 8w.");
  const days = Number(match[1]) * (match[2] === "w" ? 7 : 1);
  if (days < ARCHIVED_KEPT_DAYS_MIN) throw new InvalidArgumentError(`The least is ${ARCHIVED_KEPT_DAYS_MIN}d.`);
  if (days > ARCHIVED_KEPT_DAYS_MAX) throw new InvalidArgumentError(`The most is ${ARCHIVED_KEPT_DAYS_MAX}d.`);
  return days;
}

async function prune(context: Context, { olderThan, dryRun = false }: PruneOptions): Promise<void> {
  const { shell, voice } = context;
  const hub = connect(context);
  const signal = shell.interrupted();
  let totals: Totals | null = null;
  let after: string | null = null;
  let toldAt = shell.now();
  do {
    const { next, ...part }: PruneReport = await hub.api.orchestration.prune({
      dryRun,
      ...(olderThan === undefined ? {} : { olderThanDays: olderThan }),
      ...(after === null ? {} : { after }),
    });
    totals = totals === null ? part : sum(totals, part);
    after = next;
    if (after !== null && shell.now() - toldAt >= PROGRESS_INTERVAL_MS) {
      toldAt = shell.now();
      voice.note(`… ${counted(totals.threads, "thread")}, ${sizeText(totals.bytesFreed)} so far`);
    }
  } while (after !== null && !signal.aborted);
  const isDone = after === null;
  voice.answer({ json: { ...totals, isDone }, text: reportText(totals, context) });
  if (isDone) return;
  voice.note("Stopped before the end. What is done is done; run it again to go on.");
  context.exitWith(INTERRUPTED_EXIT_CODE);
}

const sum = (first: Totals, second: Totals): Totals => ({
  ...second,
  threads: first.threads + second.threads,
  events: first.events + second.events,
  diffs: first.diffs + second.diffs,
  receipts: first.receipts + second.receipts,
  effects: first.effects + second.effects,
  bytesFreed: first.bytesFreed + second.bytesFreed,
});

export function reportText(report: Totals, { paint }: Pick<Context, "paint">): string {
  const { dryRun, olderThanDays, threads, events, diffs, receipts, effects, bytesFreed, store } = report;
  const ages = [
    ...(olderThanDays === null ? [] : [`archived more than ${counted(olderThanDays, "day")} ago`]),
    `deleted more than ${DELETED_KEPT_DAYS} days ago`,
  ].join(" or ");
  if (threads + effects === 0) return `Nothing to prune: no thread that was ${ages} has anything left to take.\n`;
  const free =
    store.reusableBytes === null ? "" : paint("dim", ` (${sizeText(store.reusableBytes)} of it free, and used again)`);
  const head = dryRun
    ? `Would prune ${counted(threads, "thread")} ${ages}; nothing was changed.\n`
    : `${paint("green", "✓")} Pruned ${counted(threads, "thread")} ${ages}.\n`;
  const entries: (readonly [string, string])[] = [
    ["Events", String(events)],
    ["Diffs", String(diffs)],
    ["Receipts", String(receipts)],
    ["Effects", String(effects)],
    [dryRun ? "To free" : "Freed", paint("bold", sizeText(bytesFreed))],
    ["Database", `${sizeText(store.sizeBytes)}${free}`],
  ];
  return head + facts(entries, paint);
}
