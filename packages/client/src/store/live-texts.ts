// Live text of the streaming messages of one thread, keyed by message. A message may be known from live text alone, until
// its first piece is persisted; when its turn ends, whatever was not persisted is gone.
import type { LiveDelta, MessageId, MessageRow, TurnId } from "@muster/contracts";
import { emptyStreamingText, mergeDelta, mergePersisted, type StreamingText, visibleText } from "../streaming-text.ts";

interface LiveText {
  readonly text: StreamingText;
  /** Stands in for the row that is not persisted yet. */
  readonly row: MessageRow | null;
  readonly turnId: TurnId;
}

export class LiveTexts {
  readonly #texts = new Map<MessageId, LiveText>();

  /** What to show of a message that streams; undefined when its row's own text is all there is. */
  visible(messageId: MessageId): string | undefined {
    const live = this.#texts.get(messageId);
    return live === undefined ? undefined : visibleText(live.text);
  }

  /** Rows of messages that nothing is persisted of. */
  unpersisted(): MessageRow[] {
    return [...this.#texts.values()].flatMap(({ row }) => (row === null ? [] : [row]));
  }

  /** True when the message was not known before. */
  merge({ threadId, turnId, messageId, offset, text }: LiveDelta, persisted: string, isUnpersisted: boolean): boolean {
    const known = this.#texts.get(messageId);
    const before = known?.text ?? mergePersisted(emptyStreamingText, persisted);
    const row: MessageRow | null = isUnpersisted
      ? (known?.row ?? {
          messageId,
          threadId,
          turnId,
          role: "assistant",
          text: "",
          attachments: [],
          isStreaming: true,
          createdAt: "",
          updatedAt: "",
        })
      : null;
    this.#texts.set(messageId, { text: mergeDelta(before, { offset, text }), row, turnId });
    return known === undefined && isUnpersisted;
  }

  /** A piece was persisted: it wins, and with the last one nothing live is left. */
  persisted(message: MessageRow): void {
    const known = this.#texts.get(message.messageId);
    if (known === undefined) return;
    if (!message.isStreaming) this.#texts.delete(message.messageId);
    else this.#texts.set(message.messageId, { ...known, text: mergePersisted(known.text, message.text), row: null });
  }

  settled(turnId: TurnId): void {
    for (const [messageId, live] of this.#texts) if (live.turnId === turnId) this.#texts.delete(messageId);
  }

  /** After a fresh window: persisted rows win, and rows that are no longer streaming end. */
  reconcile(messages: readonly MessageRow[]): void {
    for (const message of messages) this.persisted(message);
  }
}
