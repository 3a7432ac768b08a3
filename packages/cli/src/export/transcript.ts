// A thread as Markdown for reading: who said what, what was done, what changed. Made by folding the thread's events
// with the projectors that the hub itself uses. Text of agents is theirs to format; whatever stands in a line of ours is
// escaped, so that no title of a tool makes a heading.
import { type ActivityRow, isKnownEvent, type MessageRow, type TurnRow, type WireEvent } from "@muster/contracts";
import { MemoryTables, projectAll } from "@muster/core";
import { type Plan, planOf, toolOf } from "../output/steps.ts";
import { oneLine, safeText } from "../output/text.ts";
import { changeSummary } from "../output/thread.ts";
import { turnReason } from "../output/words.ts";

/** Bookkeeping between hub and agent. */
const UNTOLD: ReadonlySet<string> = new Set(["usage.updated", "session.started"]);

interface Piece {
  readonly at: string;
  readonly lines: readonly string[];
}

export class Transcript {
  readonly #tables = new MemoryTables();

  take(event: WireEvent): void {
    if (isKnownEvent(event)) this.#tables.apply(projectAll(event));
  }

  toString(): string {
    const [thread] = this.#tables.rows("projection_threads");
    if (thread === undefined) return "";
    const model = thread.model === null ? "" : `, model ${told(thread.model)}`;
    const head = [
      `# ${told(thread.title)}`,
      "",
      `Thread \`${thread.threadId}\`, agent ${told(thread.provider)}${model}, begun ${thread.createdAt}.`,
    ];
    const turns = this.#tables.rows("projection_thread_turns").map((turn) => ({
      at: turn.startedAt ?? turn.requestedAt,
      lines: this.#turn(turn),
    }));
    const pieces = [...turns, ...this.#steps(null)].sort(inTime);
    return `${[...head, ...pieces.flatMap(({ lines }) => lines)].join("\n")}\n`;
  }

  #turn(turn: TurnRow): string[] {
    const number = turn.turnCount === null ? "Waiting turn" : `Turn ${turn.turnCount}`;
    const messages = this.#tables.rows("projection_thread_messages").filter(({ turnId }) => turnId === turn.turnId);
    const pieces = [
      ...messages.map((message) => ({ at: message.createdAt, lines: said(message) })),
      ...this.#steps(turn.turnId),
    ];
    pieces.sort(inTime);
    const changes = this.#tables
      .rows("projection_checkpoints")
      .filter(({ turnId, files }) => turnId === turn.turnId && files.length > 0)
      .flatMap(({ files }) => [
        "",
        `*${changeSummary(files)}*`,
        "",
        ...files.map(({ path, status }) => `- ${status}: ${told(path)}`),
      ]);
    const reason = turn.reason === null || turn.status === "completed" ? "" : `, ${told(turnReason(turn.reason))}`;
    const ended = turn.completedAt === null ? "" : `, ended ${turn.completedAt}`;
    return [
      "",
      `## ${number}`,
      ...pieces.flatMap(({ lines }) => lines),
      ...changes,
      "",
      `*${turn.status}${reason}, asked ${turn.requestedAt}${ended}*`,
    ];
  }

  /** What was done in the turn, or outside of any: each tool once, as it ended, and the plan as it was last. */
  #steps(turnId: TurnRow["turnId"] | null): Piece[] {
    const activities = this.#tables
      .rows("projection_thread_activities")
      .filter((activity) => activity.turnId === turnId && !UNTOLD.has(activity.kind));
    const newest = new Map(activities.map((activity) => [subjectOf(activity), activity]));
    const shown = new Set<string>();
    return activities.flatMap(({ createdAt, ...activity }) => {
      const subject = subjectOf({ createdAt, ...activity });
      if (shown.has(subject)) return [];
      shown.add(subject);
      const line = done(newest.get(subject) ?? { createdAt, ...activity });
      return line === "" ? [] : [{ at: createdAt, lines: ["", line] }];
    });
  }
}

const inTime = (first: Piece, second: Piece): number => (first.at < second.at ? -1 : first.at > second.at ? 1 : 0);

const WHO: Readonly<Record<MessageRow["role"], string>> = { user: "Person", assistant: "Agent", system: "System" };

const said = ({ role, text, attachments }: MessageRow): string[] => [
  "",
  `**${WHO[role]}**`,
  "",
  role === "user" ? safeText(text).replace(/^/gm, "> ") : safeText(text),
  ...attachments.flatMap(({ name }) => ["", `*attached: ${told(name)}*`]),
];

/** What an activity is about: those of one tool call, and all plans of a turn, tell of the same thing. */
function subjectOf(activity: ActivityRow): string {
  if (activity.kind === "plan.updated") return "plan";
  const tool = toolOf(activity);
  return tool === null ? activity.activityId : `tool ${tool.itemId}`;
}

const PLAN_MARKS = { pending: "[ ]", in_progress: "[ ] ▸", completed: "[x]" } as const;
const planLines = (plan: Plan): string =>
  plan.map(({ content, status }) => `- ${PLAN_MARKS[status]} ${told(content)}`).join("\n");

function done(activity: ActivityRow): string {
  const { kind, summary, tone } = activity;
  const tool = toolOf(activity);
  if (tool !== null) {
    const title = told(tool.title) || tool.kind;
    if (tool.status === "completed") return `- ✓ ${title}`;
    return tool.status === "failed" ? `- ✗ ${title} *(failed)*` : `- ▸ ${title} *(not finished)*`;
  }
  const plan = planOf(activity);
  if (plan !== null) return planLines(plan);
  // Pruned: the end of a tool is told by its title, what came before it and the plan no more.
  if (kind === "tool.completed") return `- ✓ ${told(summary)}`;
  if (kind === "tool.started" || kind === "tool.updated" || kind === "plan.updated") return "";
  const text = told(summary) || told(kind);
  if (kind === "approval.requested") return `- Asked for permission: ${text}`;
  return tone === "error" ? `- **Error:** ${text}` : `- ${text}`;
}

/** In a line of ours: without anything that Markdown would take for its own. */
const told = (text: string): string => oneLine(text).replace(/[\\`*_[\]<>#|~]/g, "\\$&");
