// Making answers by a module, in the thread of a store that was told its address.
import type { MessagePort } from "node:worker_threads";
import { type Prepare, StoreError } from "../port.ts";
import { type Answer, toPlainError } from "./messages.ts";

/**
 * Answers a request by the module's `prepare`. Begins to load it at once: loading takes a while, and not only when the first
 * one asks. A module's own failure costs its caller the answer, nobody else's.
 */
export function preparing(port: MessagePort, preparer: string, reads: Parameters<Prepare>[0]) {
  const loading: Promise<{ readonly prepare: Prepare }> = import(preparer);
  // What fails then is told to whoever asks.
  loading.catch(() => undefined);
  return async (id: number, request: unknown): Promise<void> => {
    try {
      const bytes = await (await loading).prepare(reads, request);
      // Handed over, not copied.
      port.postMessage({ id, result: bytes } satisfies Answer<unknown>, bytes === null ? [] : [bytes.buffer]);
    } catch (error) {
      const told = error instanceof StoreError ? error : new StoreError("invalid_statement", describe(error));
      port.postMessage({ id, error: toPlainError(told) } satisfies Answer<unknown>);
    }
  };
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? String(error)) : String(error));
