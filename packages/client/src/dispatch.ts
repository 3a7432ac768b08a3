// One command, sent until its outcome is known. A try that may succeed later is repeated with the same commandId: the
// hub answers a repetition with the first result, so a lost answer never runs a command twice.
import type { ClientCommandInput, DispatchResult, MusterError } from "@muster/contracts";
import { type Ids, isoTime } from "@muster/core";
import { isAbort, toMusterError } from "./errors.ts";
import { backoffMs, type Timing } from "./timing.ts";

const TRIES_MAX = 5;
const BACKOFF = { baseMs: 250, capMs: 4_000 };
/** Longest that a hub's Retry-After is obeyed before the person is told instead. */
const RETRY_AFTER_MAX_MS = 10_000;

type WithoutIds<Command> = Command extends unknown
  ? Omit<Command, "commandId" | "clientCreatedAt"> & { commandId?: string; clientCreatedAt?: string }
  : never;
/** A command as a caller writes it: its id and time are filled in. */
export type NewCommand = WithoutIds<ClientCommandInput>;

export interface DispatchParts {
  send(command: ClientCommandInput): Promise<DispatchResult>;
  readonly ids: Ids;
  readonly timing: Timing;
}

export async function dispatchOnce(
  { send, ids, timing }: DispatchParts,
  command: NewCommand,
  signal?: AbortSignal,
): Promise<DispatchResult> {
  const filled: ClientCommandInput = {
    ...command,
    commandId: command.commandId ?? ids.next(),
    clientCreatedAt: command.clientCreatedAt ?? isoTime(timing.now()),
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await send(filled);
    } catch (error) {
      if (isAbort(error) || isAborted(signal)) throw error;
      const failure = toMusterError(error);
      if (!failure.row.retryable || attempt + 1 >= TRIES_MAX) throw failure;
      await timing.wait(delayAfter(failure, attempt, timing), signal);
      if (isAborted(signal)) throw failure;
    }
  }
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

function delayAfter(failure: MusterError, attempt: number, timing: Timing): number {
  const asked = Number(failure.details?.["retryAfterSeconds"]) * 1_000;
  return Number.isFinite(asked) && asked > 0
    ? Math.min(asked, RETRY_AFTER_MAX_MS)
    : backoffMs(attempt, BACKOFF, timing.random);
}
