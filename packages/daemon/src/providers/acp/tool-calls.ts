// The tool calls of one turn as events: started once, updated at most once in an interval and only when something
// changed, completed once. What comes for a completed call is dropped.
import { createHash } from "node:crypto";
import type { ToolCall } from "@muster/contracts";
import { type Fields, textOf } from "./text.ts";
import { applyToolChange, itemIdOf, newTool, type ToolState, toToolCall } from "./tools.ts";
import type { TurnContext } from "./turn-context.ts";

const isOver = (state: ToolState): boolean => state.status === "completed" || state.status === "failed";
const digestOf = (tool: ToolCall): string => createHash("sha1").update(JSON.stringify(tool)).digest("base64");

interface OpenCall {
  readonly state: ToolState;
  /** Digest of what was last sent, so that nothing is sent twice. */
  sent: string;
}

export class ToolCalls {
  readonly #context: TurnContext;
  readonly #open = new Map<string, OpenCall>();
  readonly #ended = new Set<string>();

  constructor(context: TurnContext) {
    this.#context = context;
  }

  /** True when the next `apply` for this id would begin a call. */
  isNew(toolCallId: string): boolean {
    return !this.#open.has(toolCallId) && !this.#ended.has(toolCallId);
  }

  apply(change: Fields): void {
    const key = textOf(change["toolCallId"]);
    if (key === undefined || this.#ended.has(key)) return;
    const call = this.#open.get(key);
    if (call === undefined) {
      this.#start(key, change);
      return;
    }
    applyToolChange(call.state, change);
    if (isOver(call.state)) this.#end(key, call);
    else this.#offer(key, call);
  }

  terminalChanged(terminalId: string): void {
    for (const [key, call] of this.#open) {
      if (call.state.terminals.includes(terminalId)) this.#offer(key, call);
    }
  }

  /** The open call as it is now. */
  get(toolCallId: string): ToolCall | undefined {
    const call = this.#open.get(toolCallId);
    return call === undefined ? undefined : this.#show(call.state);
  }

  endAll(status: "completed" | "failed"): void {
    for (const [key, call] of [...this.#open]) {
      call.state.status = status;
      this.#end(key, call);
    }
  }

  #start(key: string, change: Fields): void {
    const { limits, coalescer } = this.#context;
    if (this.#open.size + this.#ended.size >= limits.turnToolsMax) {
      const message = `The turn has more than ${limits.turnToolsMax} tool calls; further ones are not shown.`;
      this.#context.tellOnce("too_many_tool_calls", message);
      return;
    }
    const state = newTool(itemIdOf(key));
    applyToolChange(state, change);
    const tool = this.#show(state);
    const call: OpenCall = { state, sent: digestOf(tool) };
    this.#open.set(key, call);
    this.#context.emit({ type: "tool.started", tool: isOver(state) ? { ...tool, status: "running" } : tool });
    coalescer.mark(`tool:${key}`);
    if (isOver(state)) this.#end(key, call);
  }

  #offer(key: string, call: OpenCall): void {
    this.#context.coalescer.offer(`tool:${key}`, () => {
      const tool = this.#show(call.state);
      const digest = digestOf(tool);
      if (call.sent === digest) return;
      call.sent = digest;
      this.#context.emit({ type: "tool.updated", tool });
    });
  }

  #end(key: string, call: OpenCall): void {
    this.#context.coalescer.drop(`tool:${key}`);
    this.#open.delete(key);
    this.#ended.add(key);
    this.#context.emit({ type: "tool.completed", tool: this.#show(call.state) });
  }

  #show(state: ToolState): ToolCall {
    return toToolCall(state, (terminalId) => this.#context.terminalOutput(terminalId));
  }
}
