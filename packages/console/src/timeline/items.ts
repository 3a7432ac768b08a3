// What a thread's timeline shows, as a list: turns in their order, and in each turn its steps in the order they happened.
// Pure; the page only draws it. Tool calls are folded by their item, so each is one line however often it was updated.
import { canContinue, type ThreadView } from "@muster/client";
import type {
  ActivityRow,
  ApprovalRow,
  CheckpointRow,
  MessageRow,
  PlanEntry,
  ToolCall,
  TurnRow,
  Usage,
} from "@muster/contracts";
import { hasLostDetails, planOf, requestIdOf, toolOf, usageOf } from "./payloads.ts";

export type TimelineItem =
  | { readonly kind: "user"; readonly key: string; readonly message: MessageRow }
  | { readonly kind: "assistant"; readonly key: string; readonly message: MessageRow }
  | { readonly kind: "tools"; readonly key: string; readonly calls: readonly ToolCall[] }
  | { readonly kind: "plan"; readonly key: string; readonly entries: readonly PlanEntry[] }
  | { readonly kind: "approval"; readonly key: string; readonly approval: ApprovalRow }
  | { readonly kind: "notice"; readonly key: string; readonly tone: ActivityRow["tone"]; readonly text: string }
  | { readonly kind: "diff"; readonly key: string; readonly checkpoint: CheckpointRow }
  | {
      readonly kind: "status";
      readonly key: string;
      readonly turn: TurnRow;
      readonly detail: string | null;
      readonly usage: Usage | null;
      readonly canContinue: boolean;
    };

type Step = { readonly at: string; readonly order: number; readonly item: TimelineItem };

/** Kinds that are shown elsewhere or not at all. */
const HIDDEN_KINDS = new Set([
  "session.started",
  "turn.started",
  "turn.completed",
  // The turn's own last line tells it.
  "turn.failed",
  "checkpoint.captured",
  "approval.resolved",
  "usage.updated",
]);

/** Of steps that lost their details: those whose last word says the same. */
const RETOLD_KINDS = new Set(["tool.started", "tool.updated", "plan.updated"]);
const isRetold = (activity: ActivityRow): boolean => RETOLD_KINDS.has(activity.kind) && hasLostDetails(activity);

/** What a turn was made from, and what was made: as long as the first is the same, so is the second, object by object. */
const cache = new WeakMap<TurnRow, { readonly from: readonly unknown[]; readonly items: TimelineItem[] }>();

/** Queued turns are not part of it: they wait beside the composer. */
export function timelineItems(view: ThreadView): TimelineItem[] {
  const byTurn = groupByTurn(view);
  return view.turns
    .filter((turn) => turn.status !== "queued")
    .flatMap((turn) => cachedItems(turn, byTurn.get(turn.turnId) ?? emptyParts(), view));
}

interface TurnParts {
  readonly messages: MessageRow[];
  readonly activities: ActivityRow[];
  readonly approvals: ApprovalRow[];
  checkpoint: CheckpointRow | undefined;
}
const emptyParts = (): TurnParts => ({ messages: [], activities: [], approvals: [], checkpoint: undefined });

function groupByTurn({ messages, activities, turns, approvals, checkpoints }: ThreadView): Map<string, TurnParts> {
  const groups = new Map<string, TurnParts>(turns.map((turn) => [turn.turnId, emptyParts()]));
  // What belongs to no turn is shown with the newest, where it happened.
  const fallback = turns.findLast((turn) => turn.status !== "queued")?.turnId ?? "";
  for (const message of messages) groups.get(message.turnId ?? fallback)?.messages.push(message);
  for (const activity of activities) groups.get(activity.turnId ?? fallback)?.activities.push(activity);
  for (const approval of approvals) groups.get(approval.turnId)?.approvals.push(approval);
  for (const turn of turns) {
    const parts = groups.get(turn.turnId);
    const isOfTurn = (row: CheckpointRow): boolean =>
      row.turnId === turn.turnId && row.checkpointTurnCount === turn.turnCount;
    if (parts !== undefined) parts.checkpoint = checkpoints.find(isOfTurn);
  }
  return groups;
}

function cachedItems(turn: TurnRow, parts: TurnParts, view: ThreadView): TimelineItem[] {
  const ending = view.thread?.latestTurnId === turn.turnId ? view.session?.lastError : null;
  const from = [
    parts.checkpoint,
    ending,
    isContinuable(turn, view),
    parts.messages.length,
    ...parts.messages,
    ...parts.activities,
    ...parts.approvals,
  ];
  const known = cache.get(turn);
  if (
    known !== undefined &&
    known.from.length === from.length &&
    known.from.every((value, index) => value === from[index])
  ) {
    return known.items;
  }
  const items = turnItems(turn, parts, view);
  cache.set(turn, { from, items });
  return items;
}

function turnItems(
  turn: TurnRow,
  { messages, activities, approvals, checkpoint }: TurnParts,
  view: ThreadView,
): TimelineItem[] {
  const steps: Step[] = [];
  const replies: TimelineItem[] = [];
  for (const message of messages) {
    if (message.role === "user") replies.push({ kind: "user", key: message.messageId, message });
    // Live text that is not persisted yet has no time: it is the newest there is.
    else
      steps.push({
        at: message.createdAt || "~",
        order: 0,
        item: { kind: "assistant", key: message.messageId, message },
      });
  }
  steps.push(...activitySteps(turn, activities, approvals));
  steps.sort((first, second) => (first.at < second.at ? -1 : first.at > second.at ? 1 : first.order - second.order));
  const changed: TimelineItem[] =
    checkpoint !== undefined && checkpoint.files.length > 0
      ? [{ kind: "diff", key: `diff-${turn.turnId}`, checkpoint }]
      : [];
  return [...replies, ...joinTools(steps.map(({ item }) => item)), ...changed, statusItem(turn, activities, view)];
}

function activitySteps(turn: TurnRow, activities: readonly ActivityRow[], approvals: readonly ApprovalRow[]): Step[] {
  const tools = new Map<string, { at: string; order: number; call: ToolCall }>();
  const steps: Step[] = [];
  let plan: Step | undefined;
  for (const [index, activity] of activities.entries()) {
    // Of a call that is not recorded yet: it is the newest there is.
    const at = activity.createdAt || "~";
    const order = index + 1;
    const tool = toolOf(activity);
    const entries = planOf(activity);
    const requestId = requestIdOf(activity);
    if (tool !== null) {
      const known = tools.get(tool.itemId);
      tools.set(tool.itemId, {
        at: known?.at ?? at,
        order: known?.order ?? order,
        call: endedWith(turn, mergeTool(known?.call, tool)),
      });
    } else if (entries !== null) {
      plan = {
        at: plan?.at ?? at,
        order: plan?.order ?? order,
        item: { kind: "plan", key: `plan-${turn.turnId}`, entries },
      };
    } else if (requestId !== null) {
      const approval = approvals.find((row) => row.requestId === requestId);
      if (approval !== undefined) steps.push({ at, order, item: { kind: "approval", key: requestId, approval } });
    } else if (!HIDDEN_KINDS.has(activity.kind) && !isRetold(activity) && activity.summary !== "") {
      steps.push({
        at,
        order,
        item: {
          kind: "notice",
          key: activity.activityId,
          tone: activity.tone,
          text: hasLostDetails(activity) ? `${activity.summary} (details pruned)` : activity.summary,
        },
      });
    }
  }
  for (const { at, order, call } of tools.values())
    steps.push({ at, order, item: { kind: "tools", key: `tool-${turn.turnId}-${call.itemId}`, calls: [call] } });
  if (plan !== undefined) steps.push(plan);
  return steps;
}

/** An update may leave out what an earlier one said. */
const mergeTool = (known: ToolCall | undefined, update: ToolCall): ToolCall =>
  known === undefined
    ? update
    : {
        ...known,
        ...update,
        title: update.title || known.title,
        locations: update.locations.length > 0 ? update.locations : known.locations,
        ...(update.output === undefined && known.output !== undefined ? { output: known.output } : {}),
        ...(update.edits === undefined && known.edits !== undefined ? { edits: known.edits } : {}),
      };

/** A tool that never reported its end ended with its turn. */
const endedWith = (turn: TurnRow, call: ToolCall): ToolCall =>
  turn.completedAt !== null && (call.status === "running" || call.status === "pending")
    ? { ...call, status: "failed" }
    : call;

/** Tool calls that follow one another share a card. */
function joinTools(items: readonly TimelineItem[]): TimelineItem[] {
  const joined: TimelineItem[] = [];
  for (const item of items) {
    const last = joined.at(-1);
    if (item.kind === "tools" && last?.kind === "tools")
      joined[joined.length - 1] = { ...last, calls: [...last.calls, ...item.calls] };
    else joined.push(item);
  }
  return joined;
}

const isContinuable = (turn: TurnRow, { thread }: ThreadView): boolean => thread !== null && canContinue(turn, thread);

function statusItem(turn: TurnRow, activities: readonly ActivityRow[], view: ThreadView): TimelineItem {
  const { session, thread } = view;
  const isLatest = thread?.latestTurnId === turn.turnId;
  const failed = activities.findLast(({ kind }) => kind === "turn.failed")?.payload["detail"];
  const reported =
    typeof failed === "string" ? failed : (activities.findLast(({ tone }) => tone === "error")?.summary ?? null);
  const usage = activities.reduce<Usage | null>((latest, activity) => usageOf(activity) ?? latest, null);
  const detail = turn.status === "error" ? ((isLatest ? session?.lastError : null) ?? reported) : null;
  return {
    kind: "status",
    key: `status-${turn.turnId}`,
    turn,
    detail,
    usage,
    canContinue: isContinuable(turn, view),
  };
}
