// The one error type of this folder: decided by code, never by message text.
// Each code's details are listed beside it, so that a caller can show them without parsing prose.

/** What each code carries. Paths are relative to the workspace root. */
export interface CheckpointErrorDetails {
  /** The workspace root does not exist or is no directory. */
  not_a_directory: { readonly path: string };
  /** git could not be started: it is not installed, or not at the configured place. */
  git_not_found: { readonly binary: string };
  /** git ended badly. `exitCode` is null when it was ended by a signal or by the call's time limit. `stderrTail` holds at most 4 KiB. */
  git_failed: {
    readonly command: string;
    readonly exitCode: number | null;
    readonly timedOut: boolean;
    readonly stderrTail: string;
  };
  /** No such checkpoint in this workspace's repository. */
  checkpoint_missing: { readonly checkpointRef: string };
  /** Nothing was touched: these paths can't be restored, each with its reason. */
  restore_refused: { readonly paths: readonly { readonly path: string; readonly reason: string }[] };
  /** The system refused a file or a process: a full disk, missing permission. `reason` is its code, such as ENOSPC. */
  io_failed: { readonly reason: string };
  /** A named limit of `limits.ts` was passed; nothing was written to any ref. */
  limit_exceeded: { readonly limit: string; readonly maximum: number };
}

export type CheckpointErrorCode = keyof CheckpointErrorDetails;

export class CheckpointError<Code extends CheckpointErrorCode = CheckpointErrorCode> extends Error {
  readonly code: Code;
  readonly details: CheckpointErrorDetails[Code];

  constructor(code: Code, message: string, details: CheckpointErrorDetails[Code]) {
    super(message);
    this.name = "CheckpointError";
    this.code = code;
    this.details = details;
  }
}

/** Narrows an unknown failure to a CheckpointError of one code. */
export function isCheckpointError<Code extends CheckpointErrorCode>(
  error: unknown,
  code: Code,
): error is CheckpointError<Code> {
  return error instanceof CheckpointError && error.code === code;
}

/** What the system refuses becomes `io_failed`; everything else stays as it is, a CheckpointError as well as a bug. */
export async function withTypedFailures<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CheckpointError) throw error;
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    throw new CheckpointError("io_failed", `the system refused ${syscall} (${code})`, { reason: code });
  }
}
