// A thread as Markdown for reading: who said what, what was done, what changed. Made by folding the thread's events
// with the projectors that the hub itself uses.
import { type ActivityRow, isKnownEvent, type MessageRow, type TurnRow, type WireEvent } from "@muster/contracts";
import { MemoryTables, projectAll } from "@muster/core";
import { oneLine, safeText } from "../output/text.ts";
import { changeSummary } from "../output/thread.ts";
import { turnReason } from "../output/words.ts";

/** Bookkeeping between hub and agent. */
const UNTOLD: ReadonlySet<string> = new Set(["usage.updated", "session.started"]);

export class Transcript {
  readonly #tables = new MemoryTables();

  take(event: WireEvent): void {
    if (isKnownEvent(event)) this.#tables.apply(projectAll(event));
  }

  toString(): string {
    const [thread] = this.#tables.rows("projection_threads");
    if (thread === undefined) return "";
    const head = [
      `# ${oneLine(thread.title)}`,
      "",
      `Thread \`${thread.threadId}\`, agent ${oneLine(thread.provider)}${thread.model === null ? "" : `, model ${oneLine(thread.model)}`}, begun ${thread.createdAt}.`,
    ];
    const turns = this.#tables.rows("projection_thread_turns");
    return `${[...head, ...turns.flatMap((turn) => this.#turn(turn))].join("\n")}\n`;
  }

  #turn(turn: TurnRow): string[] {
    const number = turn.turnCount === null ? "Waiting turn" : `Turn ${turn.turnCount}`;
    const own = (row: { readonly turnId: string | null }): boolean => row.turnId === turn.turnId;
    const messages = this.#tables.rows("projection_thread_messages").filter(own);
    const activities = this.#tables
      .rows("projection_thread_activities")
      .filter((activity) => own(activity) && !UNTOLD.has(activity.kind));
    const pieces = [
      ...messages.map((message) => ({ at: message.createdAt, lines: said(message) })),
      ...activities.map((activity) => ({ at: activity.createdAt, lines: done(activity) })),
    ];
    pieces.sort((first, second) => (first.at < second.at ? -1 : first.at > second.at ? 1 : 0));
    const changes = this.#tables
      .rows("projection_checkpoints")
      .filter((checkpoint) => own(checkpoint) && checkpoint.files.length > 0)
      .flatMap(({ files }) => ["", `*${changeSummary(files)}*`]);
    const reason = turn.reason === null || turn.status === "completed" ? "" : `, ${turnReason(turn.reason)}`;
    return [
      "",
      `## ${number}`,
      ...pieces.flatMap(({ lines }) => lines),
      ...changes,
      "",
      `*${turn.status}${reason}, asked ${turn.requestedAt}${turn.completedAt === null ? "" : `, ended ${turn.completedAt}`}*`,
    ];
  }
}

const WHO: Readonly<Record<MessageRow["role"], string>> = { user: "Person", assistant: "Agent", system: "System" };

const said = ({ role, text, attachments }: MessageRow): string[] => [
  "",
  `**${WHO[role]}**`,
  "",
  role === "user" ? safeText(text).replace(/^/gm, "> ") : safeText(text),
  ...attachments.flatMap(({ name }) => ["", `*attached: ${oneLine(name)}*`]),
];

const done = ({ kind, summary }: ActivityRow): string[] => ["", `- \`${oneLine(kind)}\` ${oneLine(summary)}`];
