// What the calling thread and a store's thread say to each other: plain data that a structured clone carries. Each
// request has one answer, in the order of the requests.
import type { MigrationReport, MigrationSet, MigrationStamp } from "../../migrations/set.ts";
import { type CommitResult, type Query, StoreError, type StoreErrorCode } from "../../port.ts";
import type { EncodedBatch } from "./batches.ts";
import type { EncodedRows } from "./rows.ts";

/** What a thread is told at its start. */
export interface ThreadTask {
  readonly role: "writer" | "reader";
  readonly path: string;
  /** Address of the module whose `prepare` answers; null where nothing is prepared. */
  readonly preparer: string | null;
}

export type Work =
  | { readonly kind: "open" }
  | { readonly kind: "read"; readonly queries: readonly Query[]; readonly isTransaction: boolean }
  | { readonly kind: "prepare"; readonly request: unknown }
  | { readonly kind: "commit"; readonly batch: EncodedBatch }
  | { readonly kind: "migrate"; readonly set: MigrationSet; readonly stamp: MigrationStamp };

/** What each kind of work is answered with. */
export interface Results {
  open: null;
  read: EncodedRows;
  prepare: Uint8Array<ArrayBuffer> | null;
  commit: CommitResult;
  migrate: MigrationReport;
}

/** `null` asks the thread to close its connection and end. */
export type Request = { readonly id: number; readonly work: Work } | null;

export type Answer =
  | { readonly id: number; readonly result: Results[Work["kind"]] }
  | { readonly id: number; readonly error: PlainError };

/** A StoreError on its way: a clone would keep neither class nor code. */
export interface PlainError {
  readonly code: StoreErrorCode;
  readonly message: string;
  readonly constraint: string | undefined;
}

export const toPlainError = ({ code, message, constraint }: StoreError): PlainError => ({ code, message, constraint });

export const fromPlainError = ({ code, message, constraint }: PlainError): StoreError =>
  new StoreError(code, message, constraint === undefined ? {} : { constraint });
