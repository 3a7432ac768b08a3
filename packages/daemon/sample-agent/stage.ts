// What the sample agent can do towards the client, one small method each: speak, think, ask, read, write, run.
// Everything that takes time ends at once when the turn is cancelled, by throwing Cancelled.
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type {
  AgentContext,
  PermissionOption,
  SessionUpdate,
  ToolCallContent,
  ToolCallUpdate,
  ToolKind,
} from "@agentclientprotocol/sdk";
import type { LedgerEntry } from "./ledger.ts";

export class Cancelled extends Error {}

export interface StageOptions {
  readonly client: AgentContext;
  readonly sessionId: string;
  readonly cwd: string;
  readonly delayMs: number;
  readonly offersAlways: boolean;
  readonly signal: AbortSignal;
  /** Told of every answer's piece before it is sent, and of every decision. */
  readonly note?: (entry: LedgerEntry) => void;
}

const CHUNK_CHARACTERS = 16;
let toolCalls = 0;

export class Stage {
  readonly options: StageOptions;
  /** All it said in this turn. */
  said = "";

  constructor(options: StageOptions) {
    this.options = options;
  }

  update(update: SessionUpdate, sessionId = this.options.sessionId): Promise<void> {
    const isAnswer = update.sessionUpdate === "agent_message_chunk" && sessionId === this.options.sessionId;
    if (isAnswer && update.content.type === "text") this.options.note?.({ kind: "said", text: update.content.text });
    return this.options.client.notify("session/update", { sessionId, update });
  }

  async wait(waitMs: number): Promise<void> {
    if (this.options.signal.aborted) throw new Cancelled();
    if (waitMs === 0) return;
    await pause(waitMs, undefined, { signal: this.options.signal }).catch(() => {
      throw new Cancelled();
    });
  }

  untilCancelled(): Promise<void> {
    const { signal } = this.options;
    return new Promise((done) => {
      if (signal.aborted) done();
      else signal.addEventListener("abort", () => done(), { once: true });
      // A pending promise alone keeps no process alive, and standard input does already.
    });
  }

  async chunk(
    text: string,
    kind: "agent_message_chunk" | "agent_thought_chunk" = "agent_message_chunk",
  ): Promise<void> {
    await this.update({ sessionUpdate: kind, content: { type: "text", text } });
    if (kind === "agent_message_chunk") this.said += text;
    await this.wait(this.options.delayMs);
  }

  async say(text: string, kind: "agent_message_chunk" | "agent_thought_chunk" = "agent_message_chunk"): Promise<void> {
    const characters = [...text];
    for (let start = 0; start < characters.length; start += CHUNK_CHARACTERS) {
      await this.chunk(characters.slice(start, start + CHUNK_CHARACTERS).join(""), kind);
    }
  }

  async begin(
    kind: ToolKind,
    title: string,
    more: { path?: string; content?: ToolCallContent[]; rawInput?: unknown } = {},
  ): Promise<string> {
    toolCalls += 1;
    const toolCallId = `call-${process.pid}-${toolCalls}`;
    await this.update({
      sessionUpdate: "tool_call",
      toolCallId,
      kind,
      title,
      status: "pending",
      ...(more.path === undefined ? {} : { locations: [{ path: more.path }] }),
      ...(more.content === undefined ? {} : { content: more.content }),
      ...(more.rawInput === undefined ? {} : { rawInput: more.rawInput }),
    });
    await this.wait(this.options.delayMs);
    return toolCallId;
  }

  async change(
    toolCallId: string,
    status: "in_progress" | "completed" | "failed",
    content?: ToolCallContent[],
  ): Promise<void> {
    await this.update({
      sessionUpdate: "tool_call_update",
      toolCallId,
      status,
      ...(content === undefined ? {} : { content }),
    });
  }

  /** True when allowed. Ends the turn when the question is cancelled. */
  async ask(toolCallId: string, title: string, kind: ToolKind, rawInput?: unknown): Promise<boolean> {
    const options: PermissionOption[] = [
      { optionId: "allow", name: "Allow", kind: "allow_once" },
      ...(this.options.offersAlways
        ? [{ optionId: "always", name: "Always allow", kind: "allow_always" as const }]
        : []),
      { optionId: "reject", name: "Reject", kind: "reject_once" },
    ];
    const toolCall: ToolCallUpdate = { toolCallId, title, kind, ...(rawInput === undefined ? {} : { rawInput }) };
    const { outcome } = await this.options.client.request("session/request_permission", {
      sessionId: this.options.sessionId,
      toolCall,
      options,
    });
    const decided = outcome.outcome === "cancelled" ? "cancelled" : outcome.optionId;
    this.options.note?.({ kind: "decided", toolCallId, outcome: decided });
    if (outcome.outcome === "cancelled") throw new Cancelled();
    return outcome.optionId !== "reject";
  }

  /** The file's text; undefined when it can't be read. */
  async read(path: string): Promise<string | undefined> {
    const absolute = resolve(this.options.cwd, path);
    const toolCallId = await this.begin("read", `Read ${path}`, { path: absolute });
    try {
      const { content } = await this.options.client.request("fs/read_text_file", {
        sessionId: this.options.sessionId,
        path: absolute,
      });
      await this.change(toolCallId, "completed", [textContent(content.slice(0, 2_000))]);
      return content;
    } catch (error) {
      await this.change(toolCallId, "failed", [textContent(messageOf(error))]);
      return undefined;
    }
  }

  /** True when written. */
  async edit(path: string, newText: string, asks: boolean): Promise<boolean> {
    const { client, sessionId, cwd } = this.options;
    const absolute = resolve(cwd, path);
    const oldText = await client.request("fs/read_text_file", { sessionId, path: absolute }).then(
      ({ content }) => content,
      () => null,
    );
    const content: ToolCallContent[] = [{ type: "diff", path: absolute, oldText, newText }];
    const title = `Write ${path}`;
    const toolCallId = await this.begin("edit", title, { path: absolute, content });
    if (asks && !(await this.ask(toolCallId, title, "edit"))) {
      await this.change(toolCallId, "failed");
      return false;
    }
    await this.change(toolCallId, "in_progress");
    try {
      await client.request("fs/write_text_file", { sessionId, path: absolute, content: newText });
    } catch (error) {
      await this.change(toolCallId, "failed", [textContent(messageOf(error))]);
      return false;
    }
    await this.change(toolCallId, "completed");
    return true;
  }

  /** Exit code of the command; undefined when it was not allowed, could not be started, or died by a signal. */
  async run(command: string, asks: boolean): Promise<number | undefined> {
    const { client, sessionId, signal } = this.options;
    const toolCallId = await this.begin("execute", command, { rawInput: { command } });
    if (asks && !(await this.ask(toolCallId, command, "execute", { command }))) {
      await this.change(toolCallId, "failed");
      return undefined;
    }
    try {
      const terminal = await client.createTerminal({
        sessionId,
        command,
        cwd: this.options.cwd,
        outputByteLimit: 65_536,
      });
      await this.change(toolCallId, "in_progress", [{ type: "terminal", terminalId: terminal.id }]);
      const kill = (): void => void terminal.kill().catch(() => {});
      signal.addEventListener("abort", kill, { once: true });
      if (signal.aborted) kill();
      const exit = await terminal.waitForExit();
      signal.removeEventListener("abort", kill);
      await this.change(toolCallId, exit.exitCode === 0 ? "completed" : "failed");
      await terminal.release();
      await this.wait(0);
      return exit.exitCode ?? undefined;
    } catch (error) {
      if (error instanceof Cancelled) throw error;
      await this.change(toolCallId, "failed", [textContent(messageOf(error))]);
      return undefined;
    }
  }
}

export const textContent = (text: string): ToolCallContent => ({ type: "content", content: { type: "text", text } });

/** Our client says why in the error's data or message. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
