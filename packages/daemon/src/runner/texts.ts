// The assistant's text of one turn: live pieces a few times a second, and the same text into the journal in larger
// pieces, complete at the end. Offsets count UTF-16 code units; a piece never ends inside a surrogate pair.
import { type InternalCommand, type LiveDelta, type MessageId, TEXT_CHUNK_MAX_CHARACTERS } from "@muster/contracts";
import type { Timers } from "../processes/index.ts";
import type { RunnerLimits } from "./limits.ts";
import type { Place } from "./mapping.ts";

export interface TextsOptions {
  readonly place: Place;
  readonly timers: Timers;
  readonly limits: RunnerLimits;
  readonly mintMessageId: () => MessageId;
  readonly sendLive: (delta: LiveDelta) => void;
  /** Durable when it resolves; calls keep their order. */
  readonly append: (commands: readonly InternalCommand[]) => Promise<void>;
}

interface OpenMessage {
  readonly messageId: MessageId;
  /** Text that has not been sent live, and where it starts. */
  live: string;
  liveOffset: number;
  /** Text that is not in the journal, and where it starts. */
  unwritten: string;
  unwrittenOffset: number;
  writtenMs: number;
  cancelLive: (() => void) | undefined;
  cancelWrite: (() => void) | undefined;
}

/** How much of the text can go out without cutting a pair in two. */
const wholeLength = (text: string): number => {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? text.length - 1 : text.length;
};

export class AssistantTexts {
  readonly #options: TextsOptions;
  readonly #open = new Map<string, OpenMessage>();

  constructor(options: TextsOptions) {
    this.#options = options;
  }

  /** Resolves when as much is durable as has to be before more may come. */
  async delta(messageKey: string, text: string): Promise<void> {
    if (text === "") return;
    const { timers, limits } = this.#options;
    const message = this.#messageOf(messageKey);
    message.live += text;
    message.unwritten += text;
    message.cancelLive ??= timers.schedule(limits.liveIntervalMs, () => {
      message.cancelLive = undefined;
      this.#sendLive(message);
    });
    if (message.unwritten.length >= limits.persistCharacters) {
      await this.#write(message);
      return;
    }
    const dueMs = message.writtenMs + limits.persistIntervalMs - timers.nowMs();
    message.cancelWrite ??= timers.schedule(Math.max(0, dueMs), () => {
      message.cancelWrite = undefined;
      // A failure shows where the turn's end is written.
      this.#write(message).catch(() => {});
    });
  }

  /** Ends a message with the text it has; one that is not open is none. */
  async complete(messageKey: string): Promise<void> {
    const message = this.#open.get(messageKey);
    if (message === undefined) return;
    this.#open.delete(messageKey);
    message.cancelLive?.();
    message.cancelWrite?.();
    this.#emitLive(message, message.live.length);
    const { place, append } = this.#options;
    const { messageId, unwritten } = message;
    const pieces: InternalCommand[] = [];
    let offset = message.unwrittenOffset;
    let rest = unwritten;
    while (rest.length > TEXT_CHUNK_MAX_CHARACTERS) {
      const text = rest.slice(0, wholeLength(rest.slice(0, TEXT_CHUNK_MAX_CHARACTERS)));
      pieces.push({ type: "thread.message.assistant.delta", ...place, messageId, offset, text });
      offset += text.length;
      rest = rest.slice(text.length);
    }
    pieces.push({ type: "thread.message.assistant.complete", ...place, messageId, offset, text: rest });
    await append(pieces);
  }

  async completeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((messageKey) => this.complete(messageKey)));
  }

  #messageOf(messageKey: string): OpenMessage {
    const known = this.#open.get(messageKey);
    if (known !== undefined) return known;
    const message: OpenMessage = {
      messageId: this.#options.mintMessageId(),
      live: "",
      liveOffset: 0,
      unwritten: "",
      unwrittenOffset: 0,
      writtenMs: this.#options.timers.nowMs(),
      cancelLive: undefined,
      cancelWrite: undefined,
    };
    this.#open.set(messageKey, message);
    return message;
  }

  #sendLive(message: OpenMessage): void {
    this.#emitLive(message, wholeLength(message.live));
  }

  #emitLive(message: OpenMessage, length: number): void {
    if (length === 0) return;
    const { place, sendLive } = this.#options;
    const text = message.live.slice(0, length);
    message.live = message.live.slice(length);
    sendLive({ ...place, messageId: message.messageId, offset: message.liveOffset, text });
    message.liveOffset += length;
  }

  async #write(message: OpenMessage): Promise<void> {
    message.cancelWrite?.();
    message.cancelWrite = undefined;
    const length = wholeLength(message.unwritten.slice(0, TEXT_CHUNK_MAX_CHARACTERS));
    if (length === 0) return;
    const { place, append, timers } = this.#options;
    const text = message.unwritten.slice(0, length);
    const offset = message.unwrittenOffset;
    message.unwritten = message.unwritten.slice(length);
    message.unwrittenOffset += length;
    message.writtenMs = timers.nowMs();
    await append([{ type: "thread.message.assistant.delta", ...place, messageId: message.messageId, offset, text }]);
  }
}
