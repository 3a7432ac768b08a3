// Errors of `node:sqlite` and of the file system as StoreErrors. Decided by SQLite's result code, never by message
// text; the text serves only to name the broken rule.
import { StoreError, type StoreErrorCode } from "../port.ts";

const CONSTRAINT = 19;
const CONSTRAINT_DATATYPE = 3091;
const FULL = 13;
const BUSY = 5;
const READ_ONLY = 8;

const CODES: Readonly<Record<number, StoreErrorCode>> = {
  3: "unavailable", // PERM
  5: "unavailable", // BUSY
  6: "unavailable", // LOCKED
  7: "unavailable", // NOMEM
  8: "unavailable", // READONLY
  9: "unavailable", // INTERRUPT
  10: "unavailable", // IOERR
  11: "corrupt", // CORRUPT
  13: "unavailable", // FULL
  14: "unavailable", // CANTOPEN
  15: "unavailable", // PROTOCOL
  19: "constraint_violated", // CONSTRAINT
  26: "corrupt", // NOTADB
};

/** What was going on: `open` and `commit` are sure of the file, `read` may not write, `commit_end` is COMMIT itself. */
export type Activity = "open" | "read" | "write" | "commit_end";

/** SQLite's extended result code, or undefined for an error that is not SQLite's. */
export const resultCode = (error: unknown): number | undefined => {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
};

/** Whether another connection's lock is the reason. */
export const isBusy = (error: unknown): boolean => ((resultCode(error) ?? 0) & 0xff) === BUSY;

const codeOf = (error: unknown, activity: Activity): StoreErrorCode => {
  const extended = resultCode(error);
  if (extended !== undefined) {
    const primary = extended & 0xff;
    if (extended === CONSTRAINT_DATATYPE) return "invalid_statement";
    // A statement that writes on the read connection is the caller's mistake.
    if (activity === "read" && primary === READ_ONLY) return "invalid_statement";
    // A sync that failed at COMMIT may have left the log's commit mark on the disk.
    if (activity === "commit_end" && primary !== CONSTRAINT && primary !== FULL && primary !== BUSY)
      return "outcome_unknown";
    return CODES[primary] ?? "invalid_statement";
  }
  // Values that cannot be bound, wrong parameter counts; when opening, the file system's own errors.
  return activity === "open" ? "unavailable" : "invalid_statement";
};

/**
 * @param nameConstraint called for a broken rule only, outside any transaction
 */
export const toStoreError = (
  error: unknown,
  activity: Activity,
  nameConstraint?: (resultCode: number, message: string) => string | undefined,
): StoreError => {
  if (error instanceof StoreError) return error;
  const code = codeOf(error, activity);
  const message = error instanceof Error ? error.message : String(error);
  if (code !== "constraint_violated") return new StoreError(code, message, { cause: error });
  const constraint = nameConstraint?.(resultCode(error) ?? CONSTRAINT, message);
  return new StoreError(code, message, constraint === undefined ? { cause: error } : { cause: error, constraint });
};
