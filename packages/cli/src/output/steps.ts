// One line for each step of a turn, from the activities that a node reports. What an unknown kind means is in its
// summary, so nothing has to be known here to be shown.
import { type ActivityRow, ApprovalRequest, PlanEntry, type ToolCall } from "@muster/contracts";
import { callOf, isPruned } from "@muster/core";
import { shortId } from "../ids.ts";
import type { Paint } from "../shell.ts";
import { oneLine } from "./text.ts";

type Step = Pick<ActivityRow, "kind" | "summary" | "tone" | "payload">;

/** The tool call of a step, when it tells of one. */
export const toolOf = (step: Step): ToolCall | null => (step.kind.startsWith("tool.") ? callOf(step) : null);

/** The question of a step, when it asks one. */
export function approvalOf({ kind, payload }: Step): ApprovalRequest | null {
  if (kind !== "approval.requested") return null;
  const parsed = ApprovalRequest.safeParse(payload);
  return parsed.success ? parsed.data : null;
}

const PLAN_MARKS = { pending: "·", in_progress: "▸", completed: "✓" } as const;

export type Plan = readonly PlanEntry[];

/** The plan of a step, when it has one. */
export function planOf({ kind, payload }: Step): Plan | null {
  if (kind !== "plan.updated") return null;
  const parsed = PlanEntry.array().safeParse(payload["entries"]);
  return parsed.success ? parsed.data : null;
}

/** The plan's lines; only those that differ from the plan before it. */
export function planText(plan: Plan, before: Plan, paint: Paint): string {
  return plan
    .filter(({ content, status }, index) => before[index]?.content !== content || before[index]?.status !== status)
    .map(({ content, status }) => {
      const line = `  ${PLAN_MARKS[status]} ${oneLine(content)}\n`;
      return status === "in_progress" ? line : paint("dim", line);
    })
    .join("");
}

/** The lines of a step, each ended by a newline; empty for what a reader need not see. */
export function stepText(step: Step, paint: Paint): string {
  const tool = toolOf(step);
  if (tool) return toolText(tool, step.kind, paint);
  const plan = planOf(step);
  if (plan) return planText(plan, [], paint);
  if (step.kind === "usage.updated") return "";
  if (isPruned(step.payload)) return prunedText(step, paint);
  const approval = approvalOf(step);
  if (approval) return `${paint("yellow", "?")} ${oneLine(approval.title || step.summary)}\n`;
  const text = oneLine(step.summary || step.kind);
  if (step.tone === "error") return `${paint("red", "✗")} ${text}\n`;
  if (step.tone === "approval") return `${paint("yellow", "·")} ${text}\n`;
  return `${paint("dim", `· ${text}`)}\n`;
}

/** Of a step whose details went with time: what it was. A tool that reported more than once is told by its last word. */
function prunedText({ kind, summary, tone }: Step, paint: Paint): string {
  if (kind === "tool.started" || kind === "tool.updated" || kind === "plan.updated") return "";
  const mark = tone === "error" ? paint("red", "✗") : paint("dim", "·");
  return `${mark} ${oneLine(summary || kind)} ${paint("dim", "(details pruned)")}\n`;
}

function toolText(tool: ToolCall, kind: string, paint: Paint): string {
  const title = oneLine(tool.title) || tool.kind;
  if (kind === "tool.completed") {
    return tool.status === "failed" ? `${paint("red", "✗")} ${title}\n` : `${paint("green", "✓")} ${title}\n`;
  }
  return kind === "tool.started" ? `${paint("cyan", "▸")} ${title}\n` : "";
}

/** How to answer the question above. */
export const waitsFor = (requestId: string, paint: Paint, muster: string): string =>
  paint(
    "yellow",
    `  waits for you: ${muster} approve ${shortId(requestId)}, or ${muster} deny ${shortId(requestId)}\n`,
  );
