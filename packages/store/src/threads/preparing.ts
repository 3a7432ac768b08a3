// What a module does in the thread of a store that was told its address: making answers, and long pieces of work.
import type { MessagePort, Transferable } from "node:worker_threads";
import { type Prepare, StoreError, type Work, type Workbench } from "../port.ts";
import { type Answer, toPlainError } from "./messages.ts";

interface Module {
  readonly prepare: Prepare;
  readonly work: Work;
}

/** Answers a request by the module's `prepare`. The bytes are handed over, not copied. */
export const preparing = (port: MessagePort, module: string, reads: Parameters<Prepare>[0]) =>
  answering(port, module, async ({ prepare }, request) => {
    const bytes = await prepare(reads, request);
    return { result: bytes, handedOver: bytes === null ? [] : [bytes.buffer] };
  });

/** Answers a request by the module's `work`. */
export const working = (port: MessagePort, module: string, bench: Workbench) =>
  answering(port, module, async ({ work }, request) => ({ result: await work(bench, request), handedOver: [] }));

interface Made {
  readonly result: unknown;
  readonly handedOver: readonly Transferable[];
}

/**
 * Begins to load the module at once: loading takes a while, and not only when the first one asks. A module's own failure
 * costs its caller the answer, nobody else's.
 */
function answering(port: MessagePort, module: string, make: (module: Module, request: unknown) => Promise<Made>) {
  const loading: Promise<Module> = import(module);
  // What fails then is told to whoever asks.
  loading.catch(() => undefined);
  return async (id: number, request: unknown): Promise<void> => {
    try {
      const { result, handedOver } = await make(await loading, request);
      port.postMessage({ id, result } satisfies Answer<unknown>, handedOver);
    } catch (error) {
      const told = error instanceof StoreError ? error : new StoreError("invalid_statement", describe(error));
      port.postMessage({ id, error: toPlainError(told) } satisfies Answer<unknown>);
    }
  };
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? String(error)) : String(error));
