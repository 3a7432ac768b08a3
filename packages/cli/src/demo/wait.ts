// Waiting for what must become true, with an end: a step of the demo fails by itself instead of hanging.

/** Something was not as it should be; the message says what was expected and what was found. */
export class NotVerified extends Error {}

export function verify(condition: boolean, expected: string, found?: unknown): asserts condition {
  if (!condition) throw new NotVerified(found === undefined ? expected : `${expected}, but found ${shown(found)}`);
}

const SHOWN_CHARACTERS = 300;
const shown = (value: unknown): string => {
  const text = typeof value === "string" ? JSON.stringify(value) : (JSON.stringify(value) ?? "nothing");
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
};

const POLL_MS = 40;

export interface Waiting {
  /** What is waited for, as the end of a sentence: `the node to be online`. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Asks until there is an answer. */
export async function until<Found>(
  ask: () => Promise<Found | undefined | false> | Found | undefined | false,
  { what, timeoutMs, signal }: Waiting,
): Promise<Found> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const found = await ask();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new NotVerified(`waited ${timeoutMs / 1000} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
