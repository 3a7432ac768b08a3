// The text of one streaming message: what is persisted, and the live text that runs ahead of it. Offsets count UTF-16
// code units, as `String.length` does. Persisted text always wins; live text behind a hole waits until persisted text
// has filled it, so a reader that joins in the middle ends with exactly the final text.

interface Piece {
  readonly offset: number;
  readonly text: string;
}

export interface StreamingText {
  readonly persisted: string;
  /** Live text that follows the persisted text without a hole. */
  readonly live: string;
  /** Live text beyond a hole, ordered by offset. */
  readonly waiting: readonly Piece[];
}

/** More than the daemon sends between two persisted chunks; beyond it the oldest pieces are forgotten. */
const WAITING_PIECES_MAX = 256;

export const emptyStreamingText: StreamingText = { persisted: "", live: "", waiting: [] };

/** What a reader sees now. */
export const visibleText = (message: StreamingText): string => message.persisted + message.live;

/** Adds live text. Text that is known already changes nothing: the same object comes back. */
export function mergeDelta(
  message: StreamingText,
  delta: { readonly offset: number; readonly text: string },
): StreamingText {
  const end = message.persisted.length + message.live.length;
  if (delta.offset + delta.text.length <= end) return message;
  if (delta.offset <= end) {
    const live = message.live + delta.text.slice(end - delta.offset);
    return absorb({ ...message, live });
  }
  const waiting = [...message.waiting, { offset: delta.offset, text: delta.text }];
  if (waiting.length > 1) waiting.sort((first, second) => first.offset - second.offset);
  return { ...message, waiting: waiting.slice(-WAITING_PIECES_MAX) };
}

/** Takes over persisted text, which is longer every time; live text stays only where it reaches beyond it. */
export function mergePersisted(message: StreamingText, persisted: string): StreamingText {
  if (persisted === message.persisted) return message;
  const live = visibleText(message).slice(persisted.length);
  return absorb({ persisted, live, waiting: message.waiting });
}

/** Moves waiting pieces that now connect into the live text. */
function absorb(message: StreamingText): StreamingText {
  let { live } = message;
  let taken = 0;
  for (const piece of message.waiting) {
    const end = message.persisted.length + live.length;
    if (piece.offset > end) break;
    live += piece.text.slice(end - piece.offset);
    taken += 1;
  }
  return taken === 0 ? message : { ...message, live, waiting: message.waiting.slice(taken) };
}
