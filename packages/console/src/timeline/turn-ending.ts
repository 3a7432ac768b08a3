// Why a turn ended as it did, and what a person can do about it, in words. Pure.
import { ERRORS, isErrorCode, type TurnRow } from "@muster/contracts";

export interface TurnEnding {
  readonly title: string;
  /** What to do, or null when nothing has to be done. */
  readonly hint: string | null;
}

const INTERRUPTED: Readonly<Record<string, TurnEnding>> = {
  interrupted_before_start: { title: "Stopped before it started", hint: null },
  node_offline: { title: "Stopped while its machine was offline", hint: null },
  node_restarted: {
    title: "Interrupted by a restart of the machine's daemon",
    hint: "Continue asks for the same once more; or send a message to go on from here.",
  },
  node_lost: {
    title: "Interrupted because its machine was gone for too long",
    hint: "Continue once the machine is back.",
  },
  node_stopped: {
    title: "Interrupted because the machine's daemon was stopped",
    hint: "Continue once the machine is back.",
  },
  session_stopped: { title: "Stopped with the agent's session", hint: null },
  thread_archived: { title: "Stopped when the thread was archived", hint: null },
  thread_deleted: { title: "Stopped when the thread was deleted", hint: null },
  max_tokens: { title: "The agent reached its limit of tokens", hint: "Send a message to let it go on." },
  max_turn_requests: { title: "The agent reached its limit of requests", hint: "Send a message to let it go on." },
};

const COMPLETED: Readonly<Record<string, TurnEnding>> = {
  refusal: { title: "The agent refused", hint: "Ask in another way." },
  max_tokens: { title: "Completed at the agent's limit of tokens", hint: "Send a message to let it go on." },
  max_turn_requests: { title: "Completed at the agent's limit of requests", hint: "Send a message to let it go on." },
};

export function turnEnding({ status, reason }: Pick<TurnRow, "status" | "reason">): TurnEnding {
  if (status === "error") {
    if (reason !== null && isErrorCode(reason)) return { title: ERRORS[reason].message, hint: ERRORS[reason].hint };
    return { title: "The turn failed", hint: "Read what the agent said above, then send a message to try again." };
  }
  if (status === "interrupted")
    return (reason === null ? undefined : INTERRUPTED[reason]) ?? { title: "Interrupted", hint: null };
  return (reason === null ? undefined : COMPLETED[reason]) ?? { title: "Completed", hint: null };
}
