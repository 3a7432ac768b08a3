// Errors of `pg` and of the server as StoreErrors. Decided by SQLSTATE, never by message text; an error without one is
// a lost connection.
import { DatabaseError } from "pg";
import { StoreError, type StoreErrorCode } from "../port.ts";

/** What was going on: a `read` may not write, `commit_end` is COMMIT itself. */
export type Activity = "open" | "read" | "write" | "commit_end";

const NOT_NULL_VIOLATION = "23502";
const READ_ONLY_TRANSACTION = "25006";
const COMPLETION_UNKNOWN = new Set(["08007", "40003"]);
const ENDS_CONNECTION = new Set(["FATAL", "PANIC"]);

/** By whole SQLSTATE first, then by its class, the first two characters. All else is `invalid_statement`. */
const CODES: Readonly<Record<string, StoreErrorCode>> = {
  "08": "unavailable", // connection
  "23": "constraint_violated",
  "25P02": "unavailable", // the transaction has failed already
  "25P03": "unavailable", // idle in transaction
  "28": "unavailable", // login refused
  "3D": "unavailable", // no such database
  "42501": "unavailable", // a right is missing
  "40": "unavailable", // deadlock, serialization
  "53": "unavailable", // full disk, memory, connections
  "55": "unavailable", // lock timeout
  "57": "unavailable", // shut down, cancelled
  "58": "unavailable", // the server's system
  XX000: "unavailable",
  XX001: "corrupt",
  XX002: "corrupt",
};

/** Whether the server answered with this error; otherwise nobody knows what it did. */
export const isAnswer = (error: unknown): error is DatabaseError => error instanceof DatabaseError;

/** Whether the connection is of no further use. */
export const endsConnection = (error: unknown): boolean =>
  !isAnswer(error) || ENDS_CONNECTION.has(error.severity ?? "") || needsFreshConnection(error);

/**
 * A table was altered since the statement was prepared, or the server has become a standby: the next connection does
 * better. The first has no SQLSTATE of its own, so the server's routine tells it from other unsupported features.
 */
const needsFreshConnection = (error: DatabaseError): boolean =>
  isStalePlan(error) || error.code === READ_ONLY_TRANSACTION;

/** Whether a table was altered since the statement was prepared: nothing was done, and a fresh connection can do it. */
export const isStalePlan = (error: unknown): boolean => {
  const answer = error instanceof StoreError ? error.cause : error;
  return isAnswer(answer) && answer.code === "0A000" && answer.routine === "RevalidateCachedQuery";
};

const codeOf = (error: unknown, activity: Activity): StoreErrorCode => {
  if (!isAnswer(error)) return activity === "commit_end" ? "outcome_unknown" : "unavailable";
  const state = error.code ?? "";
  if (activity === "commit_end" && (COMPLETION_UNKNOWN.has(state) || ENDS_CONNECTION.has(error.severity ?? "")))
    return "outcome_unknown";
  // A statement that writes on a read connection is the caller's mistake.
  if (state === READ_ONLY_TRANSACTION) return activity === "read" ? "invalid_statement" : "unavailable";
  if (needsFreshConnection(error) || activity === "open") return "unavailable";
  return CODES[state] ?? CODES[state.slice(0, 2)] ?? "invalid_statement";
};

/** The broken rule's name; a missing value's is made as the SQLite adapter makes it, because the server gives none. */
const constraintOf = (error: unknown): string | undefined => {
  if (!isAnswer(error)) return undefined;
  if (error.code !== NOT_NULL_VIOLATION) return error.constraint;
  return error.table === undefined || error.column === undefined
    ? undefined
    : `${error.table}_${error.column}_not_null`;
};

/** A host with several addresses, none of which answers, gives an error without words. */
const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.message || ("code" in error ? String(error.code) : error.name);
};

export const toStoreError = (error: unknown, activity: Activity): StoreError => {
  if (error instanceof StoreError) return error;
  const code = codeOf(error, activity);
  const message = messageOf(error);
  const constraint = code === "constraint_violated" ? constraintOf(error) : undefined;
  return new StoreError(code, message, constraint === undefined ? { cause: error } : { cause: error, constraint });
};
