// How a failure leaves the command: what happened, why, what to do, code; and the exit code of the error table.
// Anything that is not a MusterError is a bug and says so.
import { type ErrorBody, type ErrorCode, type ErrorDetails, MusterError } from "@muster/contracts";
import { oneLine, safeJson } from "./output/text.ts";
import type { Paint } from "./shell.ts";

const REASONS_SHOWN = 8;
/** Details that the message has in the words of a person. */
const PLACES = new Set(["home", "pid"]);

export interface ErrorAnswer extends ErrorBody {
  readonly hint: string;
  readonly exitCode: number;
}

export const asMusterError = (error: unknown): MusterError =>
  error instanceof MusterError
    ? error
    : new MusterError(
        "internal_error",
        "Muster failed in a way it did not expect.",
        { reason: error instanceof Error ? error.message : String(error) },
        { cause: error },
      );

/** The line that `--json` puts on standard error. */
export const errorAsJson = (error: MusterError): string => {
  const answer: ErrorAnswer = { ...error.toBody(), hint: hintOf(error), exitCode: error.row.exitCode };
  return `${safeJson({ error: answer })}\n`;
};

/** The same for what does not end the command. */
export const warningAsJson = (error: MusterError): string =>
  `${safeJson({ warning: { ...error.toBody(), hint: hintOf(error) } })}\n`;

export const errorAsText = (error: MusterError, paint: Paint): string => asText(error, paint("red", "Error:"), paint);

export const warningAsText = (error: MusterError, paint: Paint): string =>
  asText(error, paint("yellow", "Warning:"), paint);

function asText(error: MusterError, title: string, paint: Paint): string {
  const lines = [`${title} ${oneLine(error.message)}`];
  for (const reason of reasonsOf(error)) lines.push(`  ${reason}`);
  lines.push(`  ${hintOf(error)} ${paint("dim", `(${error.code})`)}`);
  return `${lines.join("\n")}\n`;
}

/** An error of the command line itself, with advice that fits better than the table's. */
export const refusal = (code: ErrorCode, message: string, advice: string, details: ErrorDetails = {}): MusterError =>
  new MusterError(code, message, { ...details, advice });

/** What to do about it. */
export function hintOf({ code, details, row, cause }: MusterError): string {
  if (typeof details?.["advice"] === "string") return oneLine(details["advice"]);
  // A failure of this very program has no hub log to look into.
  if (code === "internal_error" && cause !== undefined) {
    return "Try again with MUSTER_DEBUG=1 to see where it failed, and report it.";
  }
  if (code === "validation_failed" && details?.["issues"] === undefined)
    return "Correct what you gave; --help shows how.";
  return row.hint;
}

/** Why: the issues of a refused request, or the plain details that the message does not say already. */
function reasonsOf(error: MusterError): string[] {
  const details = error.details ?? {};
  const issues = Array.isArray(details["issues"]) ? details["issues"] : [];
  const reasons = issues.flatMap((issue: unknown) => {
    if (typeof issue !== "object" || issue === null) return [];
    const { message, path } = issue as { message?: unknown; path?: unknown };
    if (typeof message !== "string") return [];
    // The hub names it with dots; empty for the whole.
    return [typeof path === "string" && path !== "" ? `${path}: ${message}` : message];
  });
  for (const [name, value] of Object.entries(details)) {
    if (name === "advice" || (typeof value !== "string" && typeof value !== "number")) continue;
    const text = oneLine(String(value));
    if (text !== "" && !PLACES.has(name) && !error.message.includes(text)) reasons.push(`${name}: ${text}`);
  }
  return reasons.slice(0, REASONS_SHOWN).map(oneLine);
}
