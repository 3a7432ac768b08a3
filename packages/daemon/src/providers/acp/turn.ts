// One turn's updates made into runtime events: text in messages, tool calls, thoughts, plan, usage.
// Invariants: begins with `turn.started`, ends with one `turn.completed`, nothing after it; every `tool.started` has
// its `tool.completed`, every message its `message.completed`; repeated news is slowed down but its last state is sent.
// The table of the mapping is docs/acp-mapping.md.
import type { PlanEntry, RuntimeEvent, ToolCall, Usage } from "@muster/contracts";
import type { Timers } from "../../processes/index.ts";
import {
  DETAIL_MAX_CHARACTERS,
  PLAN_ENTRIES_MAX,
  PLAN_ENTRY_MAX_CHARACTERS,
  type ProviderLimits,
  REASON_MAX_CHARACTERS,
} from "../limits.ts";
import type { TurnOutcome } from "../provider.ts";
import { Coalescer } from "./coalesce.ts";
import { Speech } from "./speech.ts";
import { clean, cutEnd, cutStart, type Fields, fieldsOf, listOf, textOf } from "./text.ts";
import { ToolCalls } from "./tool-calls.ts";
import { blockText } from "./tools.ts";
import { type CostMeter, usageOfAnswer, usageOfUpdate } from "./usage.ts";

export interface TurnOptions {
  /** Number of the turn in this provider session, from 1. */
  readonly number: number;
  readonly limits: ProviderLimits;
  readonly timers: Timers;
  readonly meter: CostMeter;
  emit(event: RuntimeEvent): void;
  terminalOutput(terminalId: string): string | undefined;
}

/** Kinds that say nothing about a turn's work: the echo of the prompt, menus, titles, the agent's own housekeeping. */
const IGNORED_UPDATES: ReadonlySet<string> = new Set([
  "user_message_chunk",
  "available_commands_update",
  "current_mode_update",
  "config_option_update",
  "session_info_update",
  "compaction_update",
  "compaction_summary_chunk",
]);

const planEntryOf = (value: unknown): PlanEntry[] => {
  const { content, status, priority } = fieldsOf(value);
  const text = textOf(content);
  if (text === undefined) return [];
  return [
    {
      content: cutEnd(clean(text), PLAN_ENTRY_MAX_CHARACTERS),
      status: status === "in_progress" || status === "completed" ? status : "pending",
      ...(priority === "high" || priority === "medium" || priority === "low" ? { priority } : {}),
    },
  ];
};

export class Turn {
  readonly #options: TurnOptions;
  readonly #coalescer: Coalescer;
  readonly #speech: Speech;
  readonly #tools: ToolCalls;
  readonly #told = new Set<string>();
  #usage: Usage = {};
  #notices = 0;
  #ended = false;

  constructor(options: TurnOptions) {
    this.#options = options;
    this.#coalescer = new Coalescer(options.timers, options.limits.updateIntervalMs);
    const context = {
      number: options.number,
      limits: options.limits,
      coalescer: this.#coalescer,
      emit: options.emit,
      tellOnce: (code: string, message: string) => this.#tellOnce(code, message),
      terminalOutput: options.terminalOutput,
    };
    this.#speech = new Speech(context);
    this.#tools = new ToolCalls(context);
    options.meter.beginTurn();
    options.emit({ type: "turn.started" });
  }

  /** Takes one update; false when it is of a kind nobody knows, or the turn has ended. */
  update(update: Fields): boolean {
    if (this.#ended) return false;
    const kind = textOf(update["sessionUpdate"]) ?? "";
    switch (kind) {
      case "agent_message_chunk":
        this.#speech.say(blockText(update["content"]), textOf(update["messageId"]));
        return true;
      case "agent_thought_chunk":
        this.#speech.think(blockText(update["content"]));
        return true;
      case "tool_call":
      case "tool_call_update":
        this.applyTool(update);
        return true;
      case "plan":
        this.#plan(update);
        return true;
      case "usage_update":
        this.#reportUsage(usageOfUpdate(update, this.#options.meter));
        return true;
      case "notice":
        if (update["severity"] === "error") this.#notice(update);
        return true;
      default:
        return IGNORED_UPDATES.has(kind);
    }
  }

  /** Takes over what is said of a tool call, also as part of a question about it. */
  applyTool(change: Fields): void {
    const key = textOf(change["toolCallId"]);
    if (key === undefined || this.#ended) return;
    if (this.#tools.isNew(key)) this.#speech.close();
    this.#tools.apply(change);
  }

  /** The terminal has new output: its tool calls are news. */
  terminalChanged(terminalId: string): void {
    if (!this.#ended) this.#tools.terminalChanged(terminalId);
  }

  /** The tool call as it is shown, while it is open. */
  toolOf(toolCallId: string): ToolCall | undefined {
    return this.#tools.get(toolCallId);
  }

  /** An event from beside the updates (a question, an answer): what was said before comes before it. */
  note(event: RuntimeEvent): void {
    if (this.#ended) return;
    if (event.type === "approval.requested") {
      this.#speech.close();
      this.#coalescer.flush();
    }
    this.#options.emit(event);
  }

  /** Ends the turn; false when it had ended before. `answer` may hold the turn's tokens. */
  finish(outcome: TurnOutcome, answer: Fields = {}): boolean {
    if (this.#ended) return false;
    this.#speech.end();
    // A call the agent left open is over with its turn; whether it worked is only believed of a turn that went well.
    this.#tools.endAll(outcome.status === "completed" ? "completed" : "failed");
    const usage = usageOfAnswer(answer);
    if (Object.keys(usage).length > 0) this.#reportUsage(usage);
    this.#coalescer.flush();
    this.#ended = true;
    const { status, reason, detail } = outcome;
    this.#options.emit({
      type: "turn.completed",
      status,
      ...(reason === undefined ? {} : { reason: cutEnd(clean(reason), REASON_MAX_CHARACTERS) }),
      ...(detail === undefined || detail === "" ? {} : { detail: cutStart(clean(detail), DETAIL_MAX_CHARACTERS) }),
    });
    return true;
  }

  #notice(update: Fields): void {
    const { turnNoticesMax } = this.#options.limits;
    this.#notices += 1;
    if (this.#notices > turnNoticesMax) {
      this.#tellOnce("too_many_notices", `The agent told of more than ${turnNoticesMax} errors; no more are shown.`);
      return;
    }
    const parts = [textOf(update["title"]), textOf(update["description"])];
    this.#error("agent_notice", clean(parts.filter((part) => part !== undefined).join(": ")));
  }

  #plan(update: Fields): void {
    const entries = listOf(update["entries"]).slice(0, PLAN_ENTRIES_MAX).flatMap(planEntryOf);
    this.#coalescer.offer("plan", () => this.#options.emit({ type: "plan.updated", entries }));
  }

  #reportUsage(usage: Usage): void {
    this.#usage = { ...this.#usage, ...usage };
    this.#coalescer.offer("usage", () => this.#options.emit({ type: "usage.updated", usage: this.#usage }));
  }

  #tellOnce(code: string, message: string): void {
    if (this.#told.has(code)) return;
    this.#told.add(code);
    this.#error(code, message);
  }

  #error(code: string, message: string): void {
    this.#options.emit({ type: "runtime.error", code, message: cutEnd(message, DETAIL_MAX_CHARACTERS) });
  }
}
