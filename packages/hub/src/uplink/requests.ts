// Questions to one node that wait for their answer: bounded, with a deadline each, cancelled when the asker leaves.
import { type ErrorBody, type FrameOf, MusterError, type NodeRequest } from "@muster/contracts";
import { REFUSAL_DETAILS_MAX_CHARACTERS, REFUSAL_MESSAGE_MAX_CHARACTERS } from "./limits.ts";
import type { Timers } from "./timers.ts";

interface Waiting {
  readonly settle: (outcome: { readonly result: unknown } | { readonly error: Error }) => void;
}

/** A node's words reach people of other machines: they are short, and advice is the hub's and the command line's own to give. */
function relayed({ code, message, details = {} }: ErrorBody): MusterError {
  const { advice: _foreign, ...plain } = details;
  const isKept = Object.keys(plain).length > 0 && JSON.stringify(plain).length <= REFUSAL_DETAILS_MAX_CHARACTERS;
  return new MusterError(code, message.slice(0, REFUSAL_MESSAGE_MAX_CHARACTERS), isKept ? plain : undefined);
}

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export class Requests {
  readonly #timers: Timers;
  readonly #requestsMax: number;
  readonly #send: (frame: FrameOf<"request"> | FrameOf<"cancel">) => boolean;
  readonly #waiting = new Map<string, Waiting>();

  constructor(options: {
    readonly timers: Timers;
    readonly requestsMax: number;
    readonly send: (frame: FrameOf<"request"> | FrameOf<"cancel">) => boolean;
  }) {
    this.#timers = options.timers;
    this.#requestsMax = options.requestsMax;
    this.#send = options.send;
  }

  /** Rejects with what the node answered, `node_offline`, `queue_full`, or the signal's reason. */
  ask(requestId: string, request: NodeRequest, { timeoutMs, signal }: AskOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      if (this.#waiting.size >= this.#requestsMax) {
        reject(new MusterError("queue_full", "Too many questions to this node wait for an answer."));
        return;
      }
      const abort = (): void => this.#giveUp(requestId, signal?.reason as Error);
      const cancelTimeout = this.#timers.schedule(timeoutMs, () =>
        this.#giveUp(
          requestId,
          new MusterError("node_offline", `The node did not answer within ${timeoutMs} ms.`, { timeoutMs }),
        ),
      );
      this.#waiting.set(requestId, {
        settle: (outcome) => {
          this.#waiting.delete(requestId);
          cancelTimeout();
          signal?.removeEventListener("abort", abort);
          if ("error" in outcome) reject(outcome.error);
          else resolve(outcome.result);
        },
      });
      signal?.addEventListener("abort", abort, { once: true });
      if (!this.#send({ type: "request", requestId, request }))
        this.#settle(requestId, { error: new MusterError("node_offline") });
    });
  }

  /** An answer to nothing is ignored: its asker has left. */
  answered(response: FrameOf<"response">): void {
    const { requestId, result, error } = response;
    this.#settle(requestId, error === undefined ? { result } : { error: relayed(error) });
  }

  /** The connection is gone. */
  close(): void {
    for (const requestId of [...this.#waiting.keys()])
      this.#settle(requestId, {
        error: new MusterError("node_offline", "The node's connection ended before it answered."),
      });
  }

  #giveUp(requestId: string, error: Error): void {
    if (!this.#waiting.has(requestId)) return;
    this.#send({ type: "cancel", requestId });
    this.#settle(requestId, { error });
  }

  #settle(requestId: string, outcome: Parameters<Waiting["settle"]>[0]): void {
    this.#waiting.get(requestId)?.settle(outcome);
  }
}
