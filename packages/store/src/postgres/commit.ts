// A batch as one transaction: lock, guards, allocation, statements, COMMIT. Two round trips, or one where nothing has to
// be known before the statements, or three where their changes decide. Invariant: whoever throws or answers `conflict`
// has rolled back or lost the connection, so none is given back inside a transaction.
import { substitute } from "../allocation.ts";
import { quoteIdentifier } from "../identifiers.ts";
import {
  type Allocation,
  ANNOUNCEMENT_MAX_BYTES,
  ANNOUNCEMENTS_MAX,
  type Batch,
  type CommitResult,
  type Row,
  type Statement,
  StoreError,
} from "../port.ts";
import { sameRows } from "../rows.ts";
import { answersOf, type Command, type Connection, type Outcome } from "./connection.ts";
import { isAnswer, toStoreError } from "./errors.ts";
import type { Channels } from "./lock.ts";
import { askTogether } from "./together.ts";

export interface AppendPlace {
  /** Key of the append lock. */
  readonly lock: bigint;
  readonly channels: Channels;
}

const NO_ROWS: readonly Row[] = [];
const COMMIT: Command = { sql: "COMMIT" };

/**
 * Opens a transaction and takes the lock before anything is read. READ COMMITTED, because every statement then sees what
 * was committed before it began; the snapshot of a REPEATABLE READ would be older than the end of the wait.
 * @param lock key of an advisory lock, which the end of the transaction gives back
 */
export const beginUnderLock = (lock: bigint): Command => ({
  sql: `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock(${lock})`,
});

/** Nothing to do when the server has ended the transaction or the connection is gone. */
export const rollBack = async (connection: Connection): Promise<void> => {
  if (!connection.isLost && connection.isInTransaction) await connection.run([{ sql: "ROLLBACK" }]);
};

/** COMMIT's outcome: throws `outcome_unknown` unless the server has said what became of it. */
export const checkCommitted = (outcome: Outcome | undefined): void => {
  if (outcome === undefined) throw new StoreError("outcome_unknown", "there is no answer to COMMIT");
  if ("error" in outcome) throw toStoreError(outcome.error, "commit_end");
  if (outcome.answer.done !== "COMMIT") throw new StoreError("unavailable", "the server rolled the transaction back");
};

const highestNumber = (allocation: Allocation): Command => {
  if (!Number.isInteger(allocation.count) || allocation.count < 1) {
    throw new StoreError("invalid_statement", `an allocation counts from 1, not ${allocation.count}`);
  }
  const column = quoteIdentifier(allocation.column);
  return {
    sql: `SELECT coalesce(max(${column}), 0) AS highest FROM ${quoteIdentifier(allocation.table)}`,
    parameters: [],
  };
};

/** What other processes hear after the commit. A text that is too long, and too many of them, are heard as an empty one. */
const tellings = (channels: Channels, { allocation, announcements = [] }: Batch): readonly Command[] => {
  const commands: Command[] = allocation === undefined ? [] : [{ sql: `NOTIFY ${channels.numbers}` }];
  if (announcements.length === 0) return commands;
  const fits = (text: string): boolean => Buffer.byteLength(text) <= ANNOUNCEMENT_MAX_BYTES;
  const told = announcements.length > ANNOUNCEMENTS_MAX ? [""] : announcements.map((text) => (fits(text) ? text : ""));
  const sql = `SELECT pg_notify('${channels.announcements}', told) FROM unnest($1::text[]) AS told`;
  return [...commands, { sql, lists: [told] }];
};

const failedGuards = (batch: Batch, rows: readonly (readonly Row[])[]): readonly number[] =>
  batch.guards.flatMap((guard, index) => (sameRows(rows[index] ?? [], guard.expected) ? [] : [index]));

/** The first statement that failed or changed another number of rows decides, as if they had run one by one. */
const judge = (
  statements: readonly Statement[],
  outcomes: readonly Outcome[],
  isCommitSent: boolean,
): number | null => {
  for (const [index, statement] of statements.entries()) {
    const outcome = outcomes[index];
    if (outcome === undefined || "error" in outcome) {
      const error = outcome?.error;
      // Lost without a word from the server: it may have gone on to the COMMIT that was already sent.
      throw toStoreError(error, isCommitSent && !isAnswer(error) ? "commit_end" : "write");
    }
    if (statement.expectChanges !== undefined && statement.expectChanges !== outcome.answer.changes) return index;
  }
  return null;
};

const committed = (
  statements: readonly Statement[],
  outcomes: readonly Outcome[],
  firstAllocated: number,
): CommitResult => {
  const answers = answersOf(outcomes.slice(0, statements.length));
  return {
    status: "committed",
    firstAllocated,
    rows: answers.map(({ rows }, index) => (statements[index]?.returning === true ? rows : NO_ROWS)),
    changes: answers.map(({ changes }) => changes),
  };
};

const runBatch = async (
  connection: Connection,
  { lock, channels }: AppendPlace,
  batch: Batch,
): Promise<CommitResult> => {
  const { guards, allocation, statements } = batch;
  let opening: readonly Command[] = [beginUnderLock(lock)];
  let firstAllocated = 0;
  if (guards.length > 0 || allocation !== undefined) {
    const together = askTogether(guards.map((guard) => guard.query));
    const questions = [...together.commands, ...(allocation ? [highestNumber(allocation)] : [])];
    const [, ...answers] = answersOf(await connection.run([...opening, ...questions]));
    const failed = failedGuards(batch, together.rowsOf(answers));
    if (failed.length > 0) return { status: "conflict", failedGuards: failed, failedStatement: null };
    if (allocation !== undefined) firstAllocated = Number(answers.at(-1)?.rows[0]?.["highest"] ?? 0) + 1;
    opening = [];
  }
  const commands = statements.map(({ sql, parameters }) => ({
    sql,
    parameters: substitute(parameters, firstAllocated, allocation?.count ?? 0),
  }));
  // COMMIT goes out behind the statements, unless their changes decide about it. A failed one turns it into a ROLLBACK.
  const isCommitSent = statements.every((statement) => statement.expectChanges === undefined);
  // The server tells nobody before the COMMIT, and nobody at all after a ROLLBACK.
  opening = [...opening, ...tellings(channels, batch)];
  const outcomes = await connection.run([...opening, ...commands, ...(isCommitSent ? [COMMIT] : [])]);
  judge(
    opening.map(({ sql }) => ({ sql, parameters: [] })),
    outcomes,
    isCommitSent,
  );
  const ofStatements = outcomes.slice(opening.length);
  const failedStatement = judge(statements, ofStatements, isCommitSent);
  if (failedStatement !== null) return { status: "conflict", failedGuards: [], failedStatement };
  checkCommitted(isCommitSent ? ofStatements.at(-1) : (await connection.run([COMMIT]))[0]);
  return committed(statements, ofStatements, firstAllocated);
};

/** Throws StoreError. */
export const commitBatch = async (connection: Connection, place: AppendPlace, batch: Batch): Promise<CommitResult> => {
  try {
    const result = await runBatch(connection, place, batch);
    await rollBack(connection);
    return result;
  } catch (error) {
    await rollBack(connection);
    throw toStoreError(error, "write");
  }
};
