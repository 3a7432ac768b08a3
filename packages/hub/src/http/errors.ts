// Every failure as the one error shape. What a library throws is told apart by its class and code, never by its text,
// and what nobody expected becomes `internal_error` with a request id: the log has the rest.
import { ERRORS, type ErrorBody, isErrorCode, MusterError } from "@muster/contracts";
import { StoreError } from "@muster/store";
import { ORPCError, ValidationError } from "@orpc/server";

export interface Issue {
  /** Dotted, such as `message.text`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

const toIssues = (issues: readonly unknown[], max: number): readonly Issue[] =>
  issues.slice(0, max).map((issue) => {
    const { path, message } = issue as { readonly path?: readonly unknown[]; readonly message?: unknown };
    const segments = (path ?? []).map((segment) =>
      String(typeof segment === "object" && segment !== null && "key" in segment ? segment.key : segment),
    );
    return { path: segments.join("."), message: String(message).slice(0, 512) };
  });

const fromStore = (error: StoreError): MusterError | null => {
  if (error.code === "unavailable") return new MusterError("unavailable", undefined, undefined, { cause: error });
  if (error.code === "outcome_unknown")
    return new MusterError("outcome_unknown", undefined, undefined, { cause: error });
  if (error.code === "corrupt")
    return new MusterError("database_corrupt", "The hub's database is damaged; its log says where.", undefined, {
      cause: error,
    });
  return null;
};

/** The library's own refusals: input that does not fit, and what it could not decode. */
const fromLibrary = (error: ORPCError<string, unknown>, issuesMax: number): MusterError | null => {
  if (isErrorCode(error.code)) {
    const details = error.data;
    return new MusterError(
      error.code,
      error.message,
      typeof details === "object" && details !== null ? { ...details } : undefined,
    );
  }
  if (error.code !== "BAD_REQUEST") return null;
  if (error.cause instanceof ValidationError) {
    return new MusterError("validation_failed", undefined, { issues: toIssues(error.cause.issues, issuesMax) });
  }
  return new MusterError("malformed_request");
};

/** The error as a MusterError; null when it is a failure of the program and not an answer. */
export const expectedError = (error: unknown, issuesMax: number): MusterError | null => {
  if (error instanceof MusterError) return error;
  if (error instanceof StoreError) return fromStore(error);
  if (error instanceof ORPCError) return fromLibrary(error, issuesMax);
  return null;
};

/** Whether the log must have it: nobody expected it, or its answer leaves out what a person needs. */
export const isForLog = (answer: MusterError | null): boolean => answer === null || answer.code === "database_corrupt";

/** What a client is told of a failure of the program. */
export const internalError = (requestId: string): MusterError =>
  new MusterError("internal_error", undefined, { requestId });

const retryAfterSeconds = (error: MusterError): number => {
  const asked = error.details?.["retryAfterSeconds"];
  return typeof asked === "number" && Number.isFinite(asked) && asked > 0 ? Math.ceil(asked) : 1;
};

/** Headers that belong to an error by its status. */
export const errorHeaders = (error: MusterError): Readonly<Record<string, string>> => {
  const { status, retryable } = ERRORS[error.code];
  const allow = error.details?.["allow"];
  return {
    ...(retryable && (status === 429 || status === 503) ? { "retry-after": String(retryAfterSeconds(error)) } : {}),
    ...(status === 401 ? { "www-authenticate": 'Bearer realm="muster"' } : {}),
    ...(status === 405 && Array.isArray(allow) ? { allow: allow.join(", ") } : {}),
  };
};

/** As the library carries it; `bodyOf` turns it into the answer's body. */
export const toLibraryError = (error: MusterError): ORPCError<string, unknown> =>
  new ORPCError(error.code, {
    defined: true,
    status: error.row.status,
    message: error.message,
    data: error.details,
    cause: error,
  });

export const bodyOf = (error: ORPCError<string, unknown>): ErrorBody =>
  (error.cause instanceof MusterError ? error.cause : internalError("")).toBody();
