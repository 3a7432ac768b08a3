// One turn's updates made into runtime events: text in messages, tool calls, thoughts, plan, usage.
// Invariants: begins with `turn.started`, ends with one `turn.completed`, nothing after it; every `tool.started` has
// its `tool.completed`, every message its `message.completed`; repeated news is slowed down but its last state is sent.
// The table of the mapping is docs/acp-mapping.md.
import { createHash } from "node:crypto";
import type { PlanEntry, RuntimeEvent, ToolCall, ToolKind, Usage } from "@muster/contracts";
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
import { clean, cutEnd, cutStart, type Fields, fieldsOf, listOf, pieces, textOf } from "./text.ts";
import { appendOutput, applyToolChange, blockText, itemIdOf, newTool, type ToolState, toToolCall } from "./tools.ts";
import { type CostMeter, usageOfAnswer, usageOfUpdate } from "./usage.ts";

export interface TurnOptions {
  /** Number of the turn in this provider session; makes the ids of thoughts unique. */
  readonly number: number;
  readonly limits: ProviderLimits;
  readonly timers: Timers;
  readonly meter: CostMeter;
  emit(event: RuntimeEvent): void;
  terminalOutput(terminalId: string): string | undefined;
}

/** Kinds that say nothing about a turn's work: the echo of the prompt, menus, titles, the agent's own housekeeping. */
const IGNORED_UPDATES = new Set([
  "user_message_chunk",
  "available_commands_update",
  "current_mode_update",
  "config_option_update",
  "session_info_update",
  "compaction_update",
  "compaction_summary_chunk",
]);

const planEntryOf = (value: unknown): PlanEntry[] => {
  const entry = fieldsOf(value);
  const content = textOf(entry["content"]);
  if (content === undefined) return [];
  const status = entry["status"];
  const priority = entry["priority"];
  return [
    {
      content: cutEnd(clean(content), PLAN_ENTRY_MAX_CHARACTERS),
      status: status === "in_progress" || status === "completed" ? status : "pending",
      ...(priority === "high" || priority === "medium" || priority === "low" ? { priority } : {}),
    },
  ];
};

export class Turn {
  readonly #options: TurnOptions;
  readonly #coalescer: Coalescer;
  readonly #tools = new Map<string, ToolState>();
  readonly #endedTools = new Set<string>();
  /** Digest of what was last sent of an open call, so that nothing is sent twice. */
  readonly #sent = new Map<string, string>();
  readonly #told = new Set<string>();
  #message: { key: string; foreignId: string | undefined } | undefined;
  #thought: ToolState | undefined;
  #messages = 0;
  #thoughts = 0;
  #textCharacters = 0;
  #usage: Usage = {};
  #ended = false;

  constructor(options: TurnOptions) {
    this.#options = options;
    this.#coalescer = new Coalescer(options.timers, options.limits.updateIntervalMs);
    options.meter.beginTurn();
    options.emit({ type: "turn.started" });
  }

  /** Takes one update; false when it is of a kind nobody knows. */
  update(update: Fields): boolean {
    if (this.#ended) return false;
    const kind = textOf(update["sessionUpdate"]) ?? "";
    switch (kind) {
      case "agent_message_chunk":
        this.#appendMessage(blockText(update["content"]), textOf(update["messageId"]));
        return true;
      case "agent_thought_chunk":
        this.#appendThought(blockText(update["content"]));
        return true;
      case "tool_call":
      case "tool_call_update":
        this.applyTool(update);
        return true;
      case "plan": {
        const entries = listOf(update["entries"]).flatMap(planEntryOf).slice(0, PLAN_ENTRIES_MAX);
        this.#coalescer.offer("plan", () => this.#options.emit({ type: "plan.updated", entries }));
        return true;
      }
      case "usage_update":
        this.#reportUsage(usageOfUpdate(update, this.#options.meter));
        return true;
      case "notice":
        if (update["severity"] === "error") {
          const text = [textOf(update["title"]), textOf(update["description"])]
            .filter((part) => part !== undefined)
            .join(": ");
          this.error("agent_notice", clean(text));
        }
        return true;
      default:
        return IGNORED_UPDATES.has(kind);
    }
  }

  /** Takes over what is said of a tool call, also as part of a question about it; undefined when it is one too many. */
  applyTool(change: Fields): ToolState | undefined {
    const key = textOf(change["toolCallId"]);
    if (key === undefined || this.#ended || this.#endedTools.has(key)) return undefined;
    let state = this.#tools.get(key);
    if (state === undefined) {
      if (this.#tools.size + this.#endedTools.size >= this.#options.limits.turnToolsMax) {
        this.#tellOnce(
          "too_many_tool_calls",
          `The turn has more than ${this.#options.limits.turnToolsMax} tool calls; further ones are not shown.`,
        );
        return undefined;
      }
      state = newTool(itemIdOf(key));
      applyToolChange(state, change);
      this.#tools.set(key, state);
      this.#closeText();
      const over = isOver(state);
      const tool = this.#show(state);
      this.#sent.set(key, digestOf(tool));
      this.#options.emit({ type: "tool.started", tool: over ? { ...tool, status: "running" } : tool });
      this.#coalescer.mark(`tool:${key}`);
    } else {
      applyToolChange(state, change);
    }
    if (isOver(state)) this.#endTool(key, state);
    else this.#offerTool(key, state);
    return state;
  }

  /** The terminal has new output: its tool calls are news. */
  terminalChanged(terminalId: string): void {
    if (this.#ended) return;
    for (const [key, state] of this.#tools) {
      if (state.terminals.includes(terminalId)) this.#offerTool(key, state);
    }
  }

  /** An event from beside the updates (a question, an answer): what was said before comes before it. */
  note(event: RuntimeEvent): void {
    if (this.#ended) return;
    if (event.type === "approval.requested") {
      this.#closeText();
      this.#coalescer.flush();
    }
    this.#options.emit(event);
  }

  toolOf(toolCallId: string): ToolCall | undefined {
    const state = this.#tools.get(toolCallId);
    return state === undefined ? undefined : this.#show(state);
  }

  error(code: string, message: string): void {
    if (!this.#ended)
      this.#options.emit({
        type: "runtime.error",
        code: cutEnd(code, REASON_MAX_CHARACTERS),
        message: cutEnd(message, DETAIL_MAX_CHARACTERS),
      });
  }

  /** Ends the turn; false when it had ended before. */
  finish(outcome: TurnOutcome, answer: Fields = {}): boolean {
    if (this.#ended) return false;
    this.#closeText();
    // A call the agent left open is over with its turn; whether it worked is only believed of a turn that went well.
    for (const [key, state] of [...this.#tools]) {
      state.status = outcome.status === "completed" ? "completed" : "failed";
      this.#endTool(key, state);
    }
    const usage = usageOfAnswer(answer);
    if (Object.keys(usage).length > 0) this.#reportUsage(usage);
    this.#coalescer.flush();
    this.#ended = true;
    this.#options.emit({
      type: "turn.completed",
      status: outcome.status,
      ...(outcome.reason === undefined ? {} : { reason: cutEnd(clean(outcome.reason), REASON_MAX_CHARACTERS) }),
      ...(outcome.detail === undefined || outcome.detail === ""
        ? {}
        : { detail: cutStart(clean(outcome.detail), DETAIL_MAX_CHARACTERS) }),
    });
    return true;
  }

  #show(state: ToolState): ToolCall {
    return toToolCall(state, this.#options.terminalOutput);
  }

  #offerTool(key: string, state: ToolState): void {
    this.#coalescer.offer(`tool:${key}`, () => {
      const tool = this.#show(state);
      const digest = digestOf(tool);
      if (this.#sent.get(key) === digest) return;
      this.#sent.set(key, digest);
      this.#options.emit({ type: "tool.updated", tool });
    });
  }

  #endTool(key: string, state: ToolState): void {
    this.#coalescer.drop(`tool:${key}`);
    this.#tools.delete(key);
    this.#sent.delete(key);
    this.#endedTools.add(key);
    this.#options.emit({ type: "tool.completed", tool: this.#show(state) });
  }

  #appendMessage(text: string, foreignId: string | undefined): void {
    this.#closeThought();
    const open = this.#message;
    if (open !== undefined && foreignId !== undefined && open.foreignId !== undefined && open.foreignId !== foreignId)
      this.#closeMessage();
    const room = this.#options.limits.turnTextMaxCharacters - this.#textCharacters;
    const shown = cutEnd(text, Math.max(0, room));
    this.#textCharacters += shown.length;
    if (shown.length < text.length) {
      this.#tellOnce(
        "message_truncated",
        `The turn's text is longer than ${this.#options.limits.turnTextMaxCharacters} characters; the rest is not shown.`,
      );
    }
    if (shown === "") return;
    if (this.#message === undefined) {
      this.#messages += 1;
      this.#message = { key: `message-${this.#messages}`, foreignId };
    }
    const { key } = this.#message;
    for (const piece of pieces(shown, this.#options.limits.deltaMaxCharacters))
      this.#options.emit({ type: "message.delta", messageKey: key, text: piece });
  }

  /** Thoughts are shown as a tool call of kind `think`, so that they are bounded and end like one. */
  #appendThought(text: string): void {
    if (text === "") return;
    this.#closeMessage();
    if (this.#thought === undefined) {
      if (this.#thoughts >= this.#options.limits.turnToolsMax) return;
      this.#thoughts += 1;
      const state = newTool(itemIdOf(`thought-${this.#options.number}-${this.#thoughts}`));
      const kind: ToolKind = "think";
      this.#thought = Object.assign(state, { title: "Thinking", kind, status: "running" as const });
      appendOutput(this.#thought, text);
      this.#options.emit({ type: "tool.started", tool: this.#show(this.#thought) });
      this.#coalescer.mark("thought");
      return;
    }
    const thought = this.#thought;
    appendOutput(thought, text);
    this.#coalescer.offer("thought", () => this.#options.emit({ type: "tool.updated", tool: this.#show(thought) }));
  }

  #closeText(): void {
    this.#closeMessage();
    this.#closeThought();
  }

  #closeMessage(): void {
    if (this.#message === undefined) return;
    this.#options.emit({ type: "message.completed", messageKey: this.#message.key });
    this.#message = undefined;
  }

  #closeThought(): void {
    if (this.#thought === undefined) return;
    this.#coalescer.drop("thought");
    this.#thought.status = "completed";
    this.#options.emit({ type: "tool.completed", tool: this.#show(this.#thought) });
    this.#thought = undefined;
  }

  #reportUsage(usage: Usage): void {
    this.#usage = { ...this.#usage, ...usage };
    this.#coalescer.offer("usage", () => this.#options.emit({ type: "usage.updated", usage: this.#usage }));
  }

  #tellOnce(code: string, message: string): void {
    if (this.#told.has(code)) return;
    this.#told.add(code);
    this.error(code, message);
  }
}

const isOver = (state: ToolState): boolean => state.status === "completed" || state.status === "failed";
const digestOf = (tool: ToolCall): string => createHash("sha1").update(JSON.stringify(tool)).digest("base64");
