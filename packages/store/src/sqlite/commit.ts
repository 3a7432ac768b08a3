// A batch as one transaction: lock, guards, allocation, statements, COMMIT. Invariant: every way out but a returned
// `committed` has rolled back, so the connection is never left inside a transaction.
import { substitute } from "../allocation.ts";
import { quoteIdentifier } from "../identifiers.ts";
import { type Allocation, type Batch, type CommitResult, type Row, type Statement, StoreError } from "../port.ts";
import { sameRows } from "../rows.ts";
import type { Connection } from "./connection.ts";
import { constraintName } from "./constraint-name.ts";
import { type Activity, toStoreError } from "./errors.ts";

const NO_ROWS: readonly Row[] = [];

/** DEFERRED: locks only the files of the connection that are written, from the first write on. */
type Begin = "BEGIN IMMEDIATE" | "BEGIN DEFERRED";

/** Runs `work` under the write lock; commits what it did unless it answers `rollback`. Throws StoreError, rolled back. */
export const inWriteTransaction = <Result>(
  connection: Connection,
  work: () => { readonly result: Result; readonly rollback: boolean },
  begin: Begin = "BEGIN IMMEDIATE",
): Result => {
  let activity: Activity = "write";
  try {
    connection.run(begin, []);
    const { result, rollback } = work();
    activity = "commit_end";
    connection.run(rollback ? "ROLLBACK" : "COMMIT", []);
    return result;
  } catch (error) {
    // A full disk or a failed write has ended the transaction already.
    if (connection.inTransaction) connection.run("ROLLBACK", []);
    throw toStoreError(error, activity, (code, message) => constraintName(connection, code, message));
  }
};

/** Read after the lock, so it is right under any number of connections. */
const firstNumber = (connection: Connection, allocation: Allocation): number => {
  if (!Number.isInteger(allocation.count) || allocation.count < 1) {
    throw new StoreError("invalid_statement", `an allocation counts from 1, not ${allocation.count}`);
  }
  const column = quoteIdentifier(allocation.column);
  const rows = connection.all(
    `SELECT coalesce(max(${column}), 0) AS highest FROM ${quoteIdentifier(allocation.table)}`,
    [],
  );
  return Number(rows[0]?.["highest"] ?? 0) + 1;
};

const failedGuards = (connection: Connection, batch: Batch): readonly number[] => {
  const failed: number[] = [];
  batch.guards.forEach((guard, index) => {
    if (!sameRows(connection.all(guard.query.sql, guard.query.parameters), guard.expected)) failed.push(index);
  });
  return failed;
};

const runBatch = (
  connection: Connection,
  batch: Batch,
): { readonly result: CommitResult; readonly rollback: boolean } => {
  const failed = failedGuards(connection, batch);
  if (failed.length > 0)
    return { result: { status: "conflict", failedGuards: failed, failedStatement: null }, rollback: true };
  const firstAllocated = batch.allocation === undefined ? 0 : firstNumber(connection, batch.allocation);
  const count = batch.allocation?.count ?? 0;
  const rows: (readonly Row[])[] = [];
  const changes: number[] = [];
  for (const [index, statement] of batch.statements.entries()) {
    const changed = runStatement(connection, statement, { first: firstAllocated, count }, rows);
    changes.push(changed);
    if (statement.expectChanges !== undefined && statement.expectChanges !== changed) {
      return { result: { status: "conflict", failedGuards: [], failedStatement: index }, rollback: true };
    }
  }
  return { result: { status: "committed", firstAllocated, rows, changes }, rollback: false };
};

const runStatement = (
  connection: Connection,
  statement: Statement,
  numbers: { readonly first: number; readonly count: number },
  rows: (readonly Row[])[],
): number => {
  const parameters = substitute(statement.parameters, numbers.first, numbers.count);
  if (statement.returning !== true) {
    rows.push(NO_ROWS);
    return connection.run(statement.sql, parameters);
  }
  const returned = connection.returning(statement.sql, parameters);
  rows.push(returned);
  return returned.length;
};

export const commitBatch = (connection: Connection, batch: Batch, begin?: Begin): CommitResult =>
  inWriteTransaction(connection, () => runBatch(connection, batch), begin);
