// One turn as it happens, as text that only ever grows: what was said appears once, in order, whichever of live and
// persisted text comes first. Pure but for `write`.
import { emptyStreamingText, mergeDelta, mergePersisted, type StreamingText, visibleText } from "@muster/client";
import {
  type DiffFile,
  type FeedMessage,
  isKnownEvent,
  type MusterEvent,
  type ThreadWindow,
  type TurnId,
  type TurnTerminalStatus,
} from "@muster/contracts";
import { approvalOf, type Plan, planOf, planText, stepText, toolOf, waitsFor } from "../output/steps.ts";
import { safeText } from "../output/text.ts";
import { changeSummary } from "../output/thread.ts";
import type { Paint } from "../shell.ts";

export interface TurnEnd {
  readonly status: TurnTerminalStatus;
  readonly reason: string | null;
  readonly detail: string | null;
}

export interface TurnView {
  /** What a reader missed before the feed begins, or between a reset and this snapshot; what was shown is not shown again. */
  begin(window: ThreadWindow): void;
  /** True when the message belonged to the turn. */
  take(message: FeedMessage): boolean;
  /** What follows stands on a line of its own. */
  endLine(): void;
  /** Set once the turn has ended. */
  readonly end: TurnEnd | null;
}

export interface TurnViewOptions {
  readonly turnId: TurnId;
  readonly paint: Paint;
  /** How the command is called here. */
  readonly muster: string;
  write(text: string): void;
}

interface Said {
  text: StreamingText;
  /** Code units that stand on the screen. */
  shown: number;
}

export function createTurnView({ turnId, paint, muster, write }: TurnViewOptions): TurnView {
  const said = new Map<string, Said>();
  /** Calls whose beginning stands on the screen. */
  const begun = new Set<string>();
  /** Those of them that have not ended: their ends are recorded, and what is said live behind an end comes ahead of it. */
  const open = new Set<string>();
  /** Steps and questions that stand on the screen, by their event's id and their own. */
  const told = new Set<string>();
  let isAtLineStart = true;
  let speaking: string | null = null;
  let plan: Plan = [];
  let isChangeShown = false;
  let end: TurnEnd | null = null;

  const print = (text: string): void => {
    if (text === "") return;
    write(text);
    isAtLineStart = text.endsWith("\n");
  };
  const endLine = (): void => {
    if (!isAtLineStart) print("\n");
  };
  const line = (text: string): void => {
    if (text === "") return;
    endLine();
    print(text);
    speaking = null;
  };
  const showChange = (turnCount: number, files: readonly DiffFile[]): void => {
    if (turnCount === 0 || files.length === 0 || isChangeShown) return;
    isChangeShown = true;
    line(paint("dim", `± ${changeSummary(files)}\n`));
  };
  const update = (messageId: string, merge: (text: StreamingText) => StreamingText, isLive = false): void => {
    const message = said.get(messageId) ?? { text: emptyStreamingText, shown: 0 };
    said.set(messageId, message);
    message.text = merge(message.text);
    const visible = visibleText(message.text);
    if (visible.length <= message.shown) return;
    // What is recorded comes in order; a message that begins live waits for the ends before it.
    if (isLive && message.shown === 0 && open.size > 0) return;
    if (speaking !== messageId && !isAtLineStart) print("\n");
    speaking = messageId;
    print(safeText(visible.slice(message.shown)));
    message.shown = visible.length;
  };
  /** How to answer, once. */
  const hintFor = (requestId: string): string => {
    if (told.has(requestId)) return "";
    told.add(requestId);
    return waitsFor(requestId, paint, muster);
  };
  const answerHint = (step: Parameters<typeof approvalOf>[0]): string => {
    const approval = approvalOf(step);
    return approval ? hintFor(approval.requestId) : "";
  };
  const showStep = (step: Parameters<typeof stepText>[0]): string => {
    const tool = toolOf(step);
    if (tool !== null) {
      const isTold = begun.has(tool.itemId);
      begun.add(tool.itemId);
      if (step.kind === "tool.completed") open.delete(tool.itemId);
      else if (!isTold) open.add(tool.itemId);
      if (step.kind === "tool.started" && isTold) return "";
      // A short call is recorded once, and what was told live may have been lost or come late.
      if (step.kind === "tool.completed" && !isTold)
        return stepText({ ...step, kind: "tool.started" }, paint) + stepText(step, paint);
    }
    const changed = planOf(step);
    if (changed === null) return stepText(step, paint);
    const text = planText(changed, plan, paint);
    plan = changed;
    return text;
  };
  const takeEvent = (event: MusterEvent): boolean => {
    if (!("turnId" in event.payload) || event.payload.turnId !== turnId) return false;
    told.add(event.eventId);
    switch (event.eventType) {
      case "thread.message-sent": {
        const { role, messageId, offset, text } = event.payload;
        if (role === "assistant") {
          update(messageId, (known) => mergePersisted(known, known.persisted.slice(0, offset) + text));
        }
        return true;
      }
      case "thread.activity-appended":
        // The end that follows tells it.
        if (event.payload.kind === "turn.failed") return true;
        line(showStep(event.payload) + answerHint(event.payload));
        for (const messageId of said.keys()) update(messageId, (text) => text, true);
        return true;
      case "thread.turn-diff-completed": {
        showChange(event.payload.turnCount, event.payload.files);
        return true;
      }
      case "thread.turn-settled":
        endLine();
        end = { status: event.payload.status, reason: event.payload.reason, detail: event.payload.detail };
        return true;
      default:
        return true;
    }
  };

  return {
    begin: (window) => {
      const messages = window.messages.filter((message) => message.turnId === turnId && message.role === "assistant");
      const activities = window.activities.filter(
        (activity) => activity.turnId === turnId && !told.has(activity.activityId),
      );
      for (const { activityId } of activities) told.add(activityId);
      const pieces = [
        ...messages.map((message) => ({
          at: message.createdAt,
          show: () => update(message.messageId, (text) => mergePersisted(text, message.text)),
        })),
        ...activities.map((activity) => ({ at: activity.createdAt, show: () => line(showStep(activity)) })),
      ];
      pieces.sort((first, second) => (first.at < second.at ? -1 : first.at > second.at ? 1 : 0));
      for (const piece of pieces) piece.show();
      for (const approval of window.approvals) {
        if (approval.turnId === turnId && approval.status === "pending") line(hintFor(approval.requestId));
      }
      for (const checkpoint of window.checkpoints) {
        if (checkpoint.turnId === turnId) showChange(checkpoint.checkpointTurnCount, checkpoint.files);
      }
    },
    take: (message) => {
      if (message.type === "event") return isKnownEvent(message.event) && takeEvent(message.event);
      if (message.type === "call" && message.call.turnId === turnId) {
        const { tool } = message.call;
        line(showStep({ kind: "tool.started", summary: tool.title, tone: "tool", payload: tool }));
        return true;
      }
      if (message.type !== "delta" || message.delta.turnId !== turnId) return false;
      update(message.delta.messageId, (text) => mergeDelta(text, message.delta), true);
      return true;
    },
    endLine,
    get end() {
      return end;
    },
  };
}
