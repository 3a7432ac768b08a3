// One row of the error table: what a code means to every kind of caller.
export interface ErrorRow {
  /** HTTP status of the answer. */
  readonly status: number;
  /** True when the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** Exit code of the CLI. 2 usage, 3 not found or refused by a rule, 4 this machine needs a person, 5 not allowed, 6 try again, 1 anything else. */
  readonly exitCode: number;
  /** What happened, in one sentence, when nothing more precise is known. */
  readonly message: string;
  /** What a person can do about it. */
  readonly hint: string;
}

export const row = (status: number, retryable: boolean, exitCode: number, message: string, hint: string): ErrorRow => ({
  status,
  retryable,
  exitCode,
  message,
  hint,
});
