// audit: who did what in the administration of this hub, newest first.
import { AUDIT_PAGE_MAX, type AuditEntry } from "@muster/contracts";
import { type Command, InvalidArgumentError } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect, type Hub } from "../hub.ts";
import { isWholeId, shortId } from "../ids.ts";
import { table } from "../output/table.ts";
import { oneLine } from "../output/text.ts";
import { ago } from "../output/time.ts";

const LIMIT_DEFAULT = 50;
/** More than anyone reads at a time; `--before` goes on. */
const LIMIT_MAX = 10_000;

export function addAuditCommand({ program, context }: Registry): void {
  program
    .command("audit")
    .description("say who invited, joined, revoked, and changed what others may do, newest first")
    .option("--limit <number>", `how many entries, at most ${LIMIT_MAX}`, parseLimit, LIMIT_DEFAULT)
    .option("--before <id>", "only older ones than this entry, by its whole id, which --json and --quiet tell", parseId)
    .addHelpText(
      "after",
      examples("audit", "audit --limit 500 --json", "audit --before 01a20108-95a8-7155-b805-c749a7e5faf7"),
    )
    .action((options: { limit: number; before?: string }, command: Command) =>
      showAudit(context(command), options.limit, options.before),
    );
}

function parseLimit(text: string): number {
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > LIMIT_MAX) throw new InvalidArgumentError(`It is a number from 1 to ${LIMIT_MAX}.`);
  return limit;
}

function parseId(text: string): string {
  if (isWholeId(text)) return text;
  throw new InvalidArgumentError("It is the whole id of an entry, as --quiet prints it.");
}

async function showAudit(context: Context, limit: number, before: string | undefined): Promise<void> {
  const { paint, shell, width, voice } = context;
  const entries = await readEntries(connect(context), limit, before);
  if (voice.isJson) {
    for (const entry of entries) voice.row(entry, "");
    return;
  }
  const rows = entries.map((entry) => [
    ago(entry.at, shell.now()),
    oneLine(entry.actorName ?? shortId(entry.actorId)),
    entry.action,
    shortId(oneLine(entry.subject)),
    Object.entries(entry.details)
      .map(([name, value]) => `${oneLine(name)} ${oneLine(isWholeId(value) ? shortId(value) : value)}`)
      .join(", "),
  ]);
  const columns = [
    { title: "WHEN" },
    { title: "WHO" },
    { title: "WHAT" },
    { title: "OF" },
    { title: "DETAILS", isFlexible: true },
  ];
  voice.answer({
    json: entries,
    text: entries.length === 0 ? "Nothing is recorded.\n" : table({ columns, rows, width, paint }),
    quiet: entries.map(({ auditId }) => auditId),
  });
}

async function readEntries(hub: Hub, limit: number, before: string | undefined): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  let last = before;
  while (found.length < limit) {
    const page = Math.min(AUDIT_PAGE_MAX, limit - found.length);
    const { entries } = await hub.api.audit.list({ limit: page, ...(last === undefined ? {} : { before: last }) });
    found.push(...entries);
    last = entries.at(-1)?.auditId;
    if (entries.length < page) break;
  }
  return found;
}
