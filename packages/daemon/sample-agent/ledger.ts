// What the sample agent really did, for whoever must prove that a prompt ran once: one JSON line at a time, written
// before anyone is told, so that it also holds what a killed agent had begun.
import { appendFileSync } from "node:fs";

export type LedgerEntry =
  | { readonly kind: "begin" }
  /** A piece of the answer, in the order in which it was sent. */
  | { readonly kind: "said"; readonly text: string }
  /** What a question was answered with: the option's id, or `cancelled`. */
  | { readonly kind: "decided"; readonly toolCallId: string; readonly outcome: string }
  | { readonly kind: "end"; readonly stopReason: string };

export type LedgerLine = LedgerEntry & {
  readonly pid: number;
  /** First line of the request, by which its sender knows it again. */
  readonly request: string;
};

const REQUEST_MAX_CHARACTERS = 200;

/** Writes lines for one prompt; does nothing where no file is named. */
export const ledgerOf = (path: string | undefined, request: string): ((entry: LedgerEntry) => void) => {
  if (path === undefined || path === "") return () => {};
  const common = { pid: process.pid, request: request.split("\n")[0]?.slice(0, REQUEST_MAX_CHARACTERS) ?? "" };
  return (entry) => appendFileSync(path, `${JSON.stringify({ ...common, ...entry })}\n`, { mode: 0o600 });
};
