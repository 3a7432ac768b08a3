// What was typed and not sent, per thread, kept for this tab so that a reload or a look at another thread loses nothing.
import type { ThreadId } from "@muster/contracts";

const keyOf = (threadId: ThreadId): string => `muster.draft.${threadId}`;

/** Storage may be denied; then nothing is kept. */
export function readDraft(threadId: ThreadId): string {
  try {
    return sessionStorage.getItem(keyOf(threadId)) ?? "";
  } catch {
    return "";
  }
}

export function writeDraft(threadId: ThreadId, text: string): void {
  try {
    if (text === "") sessionStorage.removeItem(keyOf(threadId));
    else sessionStorage.setItem(keyOf(threadId), text);
  } catch {
    // Not kept.
  }
}
