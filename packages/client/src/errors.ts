// Every failure of a call becomes a MusterError whose code a caller can act on: a refusal of the hub keeps its code, a
// broken connection is `hub_unreachable`, and a page of some proxy is judged by its HTTP status. Aborts stay aborts.
import { type ErrorCode, type ErrorDetails, isErrorCode, MusterError } from "@muster/contracts";
import { ORPCError } from "@orpc/client";

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "validation_failed",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  413: "payload_too_large",
  429: "rate_limited",
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** True for what an AbortSignal causes; such an error says nothing about the hub. */
export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

/** The hub's bare error body `{code, message, details}` as the error type that oRPC's link throws. */
export function decodeErrorBody(
  body: unknown,
  status: number,
): ORPCError<ErrorCode, ErrorDetails | undefined> | undefined {
  if (!isObject(body) || !isErrorCode(body["code"])) return undefined;
  const details = isObject(body["details"]) ? body["details"] : isObject(body["data"]) ? body["data"] : undefined;
  return new ORPCError(body["code"], {
    defined: true,
    status,
    ...(typeof body["message"] === "string" ? { message: body["message"] } : {}),
    data: details,
  });
}

/** Converts whatever a call threw. Aborts must be sorted out by the caller, with `isAbort`. */
export function toMusterError(error: unknown): MusterError {
  if (error instanceof MusterError) return error;
  if (error instanceof ORPCError) {
    const details = isObject(error.data) ? error.data : undefined;
    if (isErrorCode(error.code)) return new MusterError(error.code, error.message, details, { cause: error });
    const code = CODE_OF_STATUS[error.status] ?? (error.status >= 500 ? "unavailable" : "internal_error");
    return new MusterError(code, undefined, undefined, { cause: error });
  }
  return new MusterError("hub_unreachable", undefined, undefined, { cause: error });
}
