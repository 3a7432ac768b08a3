// What a module does in the thread of a store that was told its address: making answers, and long pieces of work.
import type { MessagePort, Transferable } from "node:worker_threads";
import { type Prepare, StoreError, type Work, type Workbench } from "../port.ts";
import { type Answer, toPlainError } from "./messages.ts";

interface Module {
  readonly prepare: Prepare;
  readonly work: Work;
}

type Load = () => Promise<Module>;

/** What a module imports is a sixth of a start's work. Behind a start, and before most people ask for the first time. */
const LOAD_AFTER_MS = 10_000;
const afterStart = (load: Load): void => void setTimeout(load, LOAD_AFTER_MS).unref();

/** Answers a request by the module's `prepare`. The bytes are handed over, not copied. */
export function preparing(port: MessagePort, module: string, reads: Parameters<Prepare>[0], later = afterStart) {
  const load = loaderOf(module);
  later(load);
  return answering(port, load, async ({ prepare }, request) => {
    const bytes = await prepare(reads, request);
    return { result: bytes, handedOver: bytes === null ? [] : [bytes.buffer] };
  });
}

/** Answers a request by the module's `work`. */
export const working = (port: MessagePort, module: string, bench: Workbench) =>
  answering(port, loaderOf(module), async ({ work }, request) => ({
    result: await work(bench, request),
    handedOver: [],
  }));

/** Loads the module when it is asked to for the first time. */
function loaderOf(module: string): Load {
  let loading: Promise<Module> | undefined;
  return () => {
    if (loading === undefined) {
      loading = import(module) as Promise<Module>;
      // What fails is told to whoever asks for an answer.
      loading.catch(() => undefined);
    }
    return loading;
  };
}

interface Made {
  readonly result: unknown;
  readonly handedOver: readonly Transferable[];
}

/** A module's own failure costs its caller the answer, nobody else's. */
function answering(port: MessagePort, load: Load, make: (module: Module, request: unknown) => Promise<Made>) {
  return async (id: number, request: unknown): Promise<void> => {
    try {
      const { result, handedOver } = await make(await load(), request);
      port.postMessage({ id, result } satisfies Answer<unknown>, handedOver);
    } catch (error) {
      const told = error instanceof StoreError ? error : new StoreError("invalid_statement", describe(error));
      port.postMessage({ id, error: toPlainError(told) } satisfies Answer<unknown>);
    }
  };
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? String(error)) : String(error));
