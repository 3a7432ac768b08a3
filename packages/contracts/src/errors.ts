// Errors as they travel: the body over HTTP, uplink and receipts, and the one class that crosses packages. What a code
// means stands in the error table alone.
import { z } from "zod";
import type { ErrorRow } from "./error-row.ts";
import { type ErrorCode as Code, ERROR_CODES, ERRORS } from "./error-table.ts";
import { spokenText, storableJson } from "./text.ts";

export type { ErrorRow } from "./error-row.ts";
export { ERROR_CODES, ERRORS } from "./error-table.ts";
export type ErrorCode = Code;
export const ErrorCode = z.enum(ERROR_CODES as [ErrorCode, ...ErrorCode[]]);

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === "string" && Object.hasOwn(ERRORS, value);

/** Details of an error: plain JSON, never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** A refusal or failure as it travels: over HTTP, over the uplink, in receipts. */
export const ErrorBody = z.object({
  code: ErrorCode,
  message: spokenText,
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()).overwrite(storableJson).optional(),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

/** The only error class that crosses a boundary of a package. Everything about it follows from its code. */
export class MusterError extends Error {
  override readonly name = "MusterError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message?: string, details?: ErrorDetails, options?: ErrorOptions) {
    super(message ?? ERRORS[code].message, options);
    this.code = code;
    this.details = details;
  }

  get row(): ErrorRow {
    return ERRORS[this.code];
  }

  toBody(): ErrorBody {
    return {
      code: this.code,
      message: this.message,
      retryable: this.row.retryable,
      ...(this.details === undefined ? {} : { details: { ...this.details } }),
    };
  }

  static from(body: ErrorBody): MusterError {
    return new MusterError(body.code, body.message, body.details);
  }
}
