// What the threads of a SQLite store are asked for, and what they answer: plain data that a structured clone carries.
import type { MigrationReport, MigrationSet, MigrationStamp } from "../../migrations/set.ts";
import type { CommitResult, Query } from "../../port.ts";
import type { ThreadTask } from "../../threads/messages.ts";
import type { EncodedBatch } from "./batches.ts";
import type { EncodedRows } from "./rows.ts";

/** What a thread is told at its start. */
export interface SqliteTask extends ThreadTask {
  readonly role: "writer" | "reader" | "scratch";
  /** Address of the module whose `prepare` and `work` answer; null where nothing is prepared. */
  readonly preparer: string | null;
}

export type Work =
  | { readonly kind: "open" }
  | { readonly kind: "read"; readonly queries: readonly Query[]; readonly isTransaction: boolean }
  | { readonly kind: "prepare"; readonly request: unknown }
  | { readonly kind: "work"; readonly request: unknown }
  | { readonly kind: "commit"; readonly batch: EncodedBatch }
  | { readonly kind: "migrate"; readonly set: MigrationSet; readonly stamp: MigrationStamp };

/** What each kind of work is answered with. */
export interface Results {
  open: null;
  read: EncodedRows;
  prepare: Uint8Array<ArrayBuffer> | null;
  work: unknown;
  commit: CommitResult;
  migrate: MigrationReport;
}
