// What the agent says and thinks in one turn. Text belongs to messages, and a message ends where something else begins;
// a run of thoughts is shown as one tool call of kind `think`, so that it is bounded and ends like one.
import type { ToolKind } from "@muster/contracts";
import { cutEnd, pieces } from "./text.ts";
import { appendOutput, itemIdOf, newTool, type ToolState, toToolCall } from "./tools.ts";
import type { TurnContext } from "./turn-context.ts";

const THINK: ToolKind = "think";
const noTerminal = (): undefined => undefined;

export class Speech {
  readonly #context: TurnContext;
  #message: { readonly key: string; readonly foreignId: string | undefined } | undefined;
  #thought: ToolState | undefined;
  #messages = 0;
  #thoughts = 0;
  #characters = 0;

  constructor(context: TurnContext) {
    this.#context = context;
  }

  /** `foreignId` is the agent's own id of the message, where it gives one: another id is another message. */
  say(text: string, foreignId: string | undefined): void {
    this.#closeThought();
    const open = this.#message?.foreignId;
    if (open !== undefined && foreignId !== undefined && open !== foreignId) this.#closeMessage();
    const shown = this.#withinTurn(text);
    if (shown === "") return;
    if (this.#message === undefined) {
      this.#messages += 1;
      this.#message = { key: `message-${this.#messages}`, foreignId };
    }
    const messageKey = this.#message.key;
    for (const piece of pieces(shown, this.#context.limits.deltaMaxCharacters)) {
      this.#context.emit({ type: "message.delta", messageKey, text: piece });
    }
  }

  think(text: string): void {
    if (text === "") return;
    this.#closeMessage();
    if (this.#thought === undefined) this.#beginThought(text);
    else this.#continueThought(this.#thought, text);
  }

  /** Something else begins: ends the open message and the open thought. */
  close(): void {
    this.#closeMessage();
    this.#closeThought();
  }

  /** The turn is over. */
  end(): void {
    this.#endMessage();
    this.#closeThought();
  }

  #withinTurn(text: string): string {
    const { turnTextMaxCharacters } = this.#context.limits;
    const shown = cutEnd(text, Math.max(0, turnTextMaxCharacters - this.#characters));
    this.#characters += shown.length;
    if (shown.length < text.length) {
      const message = `The turn's text is longer than ${turnTextMaxCharacters} characters; the rest is not shown.`;
      this.#context.tellOnce("message_truncated", message);
    }
    return shown;
  }

  #beginThought(text: string): void {
    if (this.#thoughts >= this.#context.limits.turnToolsMax) return;
    this.#thoughts += 1;
    const state = newTool(itemIdOf(`thought-${this.#context.number}-${this.#thoughts}`));
    this.#thought = Object.assign(state, { title: "Thinking", kind: THINK, status: "running" as const });
    appendOutput(state, text);
    this.#context.emit({ type: "tool.started", tool: toToolCall(state, noTerminal) });
    this.#context.coalescer.mark("thought");
  }

  #continueThought(thought: ToolState, text: string): void {
    appendOutput(thought, text);
    this.#context.coalescer.offer("thought", () =>
      this.#context.emit({ type: "tool.updated", tool: toToolCall(thought, noTerminal) }),
    );
  }

  #closeMessage(): void {
    // The last one that may be stays open for all that is still said.
    if (this.#messages < this.#context.limits.turnMessagesMax) this.#endMessage();
  }

  #endMessage(): void {
    if (this.#message === undefined) return;
    this.#context.emit({ type: "message.completed", messageKey: this.#message.key });
    this.#message = undefined;
  }

  #closeThought(): void {
    if (this.#thought === undefined) return;
    this.#context.coalescer.drop("thought");
    this.#thought.status = "completed";
    this.#context.emit({ type: "tool.completed", tool: toToolCall(this.#thought, noTerminal) });
    this.#thought = undefined;
  }
}
