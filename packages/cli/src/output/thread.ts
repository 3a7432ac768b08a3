// A thread as a page to read: each turn with what was asked, what was done and said, what changed and how it ended.
import type { ActivityRow, CheckpointRow, DiffFile, MessageRow, ThreadWindow, TurnRow } from "@muster/contracts";
import { shortId } from "../ids.ts";
import type { Paint } from "../shell.ts";
import { stepText, waitsFor } from "./steps.ts";
import { facts } from "./table.ts";
import { counted, oneLine, safeText } from "./text.ts";
import { ago, between } from "./time.ts";
import { turnReason, turnStatus } from "./words.ts";

export interface PageForm {
  readonly paint: Paint;
  readonly width: number;
  readonly now: number;
  /** How the command is called here. */
  readonly muster: string;
}

export function threadText(window: ThreadWindow, form: PageForm): string {
  const { thread, project, session } = window;
  const { paint, now } = form;
  const head = facts(
    [
      ["Thread", `${paint("bold", oneLine(thread.title))} ${paint("dim", shortId(thread.threadId))}`],
      ["Project", `${oneLine(project.title)} ${paint("dim", oneLine(thread.worktreePath ?? project.workspaceRoot))}`],
      ["Agent", `${oneLine(thread.provider)}${thread.model === null ? "" : `, ${oneLine(thread.model)}`}`],
      ["Mode", thread.runtimeMode],
      ["State", `${session.status}${thread.archivedAt === null ? "" : ", archived"}`],
      ["Changed", ago(thread.updatedAt, now)],
    ],
    paint,
  );
  const earlier = window.page.hasMore ? paint("dim", "\n… earlier turns are not shown; see --turns\n") : "";
  const turns = window.turns.map((turn) => turnText(turn, window, form)).join("");
  return head + earlier + (turns === "" ? paint("dim", "\nNo turn yet.\n") : turns);
}

function turnText(turn: TurnRow, window: ThreadWindow, { paint, now, muster }: PageForm): string {
  const number = turn.turnCount === null ? "Waiting turn" : `Turn ${turn.turnCount}`;
  const lasted = between(turn.startedAt, turn.completedAt, now);
  const facts = [turnStatus(turn.status, paint), lasted, ago(turn.requestedAt, now)].filter((part) => part !== "");
  const head = `\n${paint("bold", number)}  ${facts.join(paint("dim", " · "))}\n`;
  const { messages, activities, checkpoints, approvals } = window;
  const own = (row: { turnId: string | null }): boolean => row.turnId === turn.turnId;
  const asked = messages.filter((message) => message.messageId === turn.userMessageId);
  const said = messages.filter((message) => own(message) && message.messageId !== turn.userMessageId);
  const waiting = approvals.filter((approval) => own(approval) && approval.status === "pending");
  const parts = [
    ...asked.map((message) => quoted(message, paint)),
    conversation(said, activities.filter(own), paint),
    ...waiting.map(({ requestId }) => waitsFor(requestId, paint, muster)),
    ...checkpoints.filter(own).map((checkpoint) => changes(checkpoint, paint)),
    turn.reason === null || turn.status === "completed" ? "" : paint("dim", `  ${turnReason(turn.reason)}\n`),
  ];
  return head + parts.join("");
}

const quoted = (message: MessageRow, paint: Paint): string =>
  `${safeText(message.text)
    .split("\n")
    .map((line) => `${paint("blue", ">")} ${line}\n`)
    .join("")}`;

/** Text and steps in the order in which they came. */
function conversation(messages: readonly MessageRow[], activities: readonly ActivityRow[], paint: Paint): string {
  // A plan is told again with every change; the last telling has it all.
  const lastPlan = activities.findLast(({ kind }) => kind === "plan.updated");
  const steps = activities.filter((activity) => activity.kind !== "plan.updated" || activity === lastPlan);
  const pieces = [
    ...messages.map((message) => ({ at: message.createdAt, text: `${safeText(message.text).trimEnd()}\n` })),
    ...steps.map((activity) => ({ at: activity.createdAt, text: stepText(activity, paint) })),
  ];
  pieces.sort((first, second) => (first.at < second.at ? -1 : first.at > second.at ? 1 : 0));
  return pieces.map(({ text }) => (text === "\n" ? "" : text)).join("");
}

function changes(checkpoint: CheckpointRow, paint: Paint): string {
  if (checkpoint.checkpointTurnCount === 0) return "";
  if (checkpoint.status !== "ready") return paint("yellow", "  no checkpoint could be taken\n");
  if (checkpoint.files.length === 0) return "";
  return paint("dim", `  ${changeSummary(checkpoint.files)}\n`);
}

/** `2 files changed, +10 −3`. */
export function changeSummary(files: readonly DiffFile[]): string {
  const additions = files.reduce((sum, file) => sum + (file.additions ?? 0), 0);
  const deletions = files.reduce((sum, file) => sum + (file.deletions ?? 0), 0);
  return `${counted(files.length, "file")} changed, +${additions} −${deletions}`;
}
