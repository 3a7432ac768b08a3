// How a turn ended, from what the agent answered to its prompt. A turn that we ended is interrupted whatever it says.
import type { RequestError } from "@agentclientprotocol/sdk";
import type { ProviderConfiguration, TurnOutcome } from "../provider.ts";
import { describeError, isLoginRequired, loginError } from "./handshake.ts";
import { type Fields, textOf } from "./text.ts";

export const INTERRUPTED: TurnOutcome = { status: "interrupted", reason: "interrupted" };
/** The agent did not obey and was ended. */
export const INTERRUPT_FORCED: TurnOutcome = { status: "interrupted", reason: "interrupt_forced" };
export const STOPPED: TurnOutcome = { status: "interrupted", reason: "stopped" };

const brokenProtocol = (detail: string): TurnOutcome => ({ status: "error", reason: "agent_protocol_error", detail });

export const LINE_CLOSED = brokenProtocol(
  "The agent closed its standard input or output although it went on running, so it was ended. Start another turn.",
);
const NO_REASON = brokenProtocol("The agent ended the turn without saying why. Report it to the agent's makers.");

export const agentDied = (stderrTail: string): TurnOutcome => ({
  status: "error",
  reason: "agent_died",
  detail: stderrTail,
});

/**
 * A limit or a refusal is a completed turn: the agent worked as it should and said why it ended; the reason tells.
 * A stop reason that nobody knows yet counts as completed too.
 */
export const outcomeOfAnswer = (answer: Fields): TurnOutcome => {
  const stopReason = textOf(answer["stopReason"]);
  if (stopReason === undefined) return NO_REASON;
  if (stopReason === "cancelled") return { status: "interrupted", reason: "cancelled" };
  return stopReason === "end_turn" ? { status: "completed" } : { status: "completed", reason: stopReason };
};

export const outcomeOfError = (configuration: ProviderConfiguration, error: RequestError): TurnOutcome => {
  if (!isLoginRequired(error)) return { status: "error", reason: "agent_error", detail: describeError(error) };
  return {
    status: "error",
    reason: "agent_login_required",
    detail: loginError(configuration, error, "", "").message,
  };
};
