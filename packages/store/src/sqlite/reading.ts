// Reads on one connection, as the inline store and the threads both make them.
import { type Query, type Row, StoreError } from "../port.ts";
import type { Connection } from "./connection.ts";
import { toStoreError } from "./errors.ts";

/** The answer of each query; several see one snapshot when `isTransaction`. Throws StoreError. */
export const readAll = (
  reader: Connection,
  queries: readonly Query[],
  isTransaction: boolean,
): readonly (readonly Row[])[] => {
  try {
    return isTransaction
      ? inSnapshot(reader, queries)
      : queries.map((query) => reader.all(query.sql, query.parameters));
  } catch (error) {
    throw toStoreError(error, "read");
  }
};

const inSnapshot = (reader: Connection, queries: readonly Query[]): readonly (readonly Row[])[] => {
  // DEFERRED: the snapshot is that of the first query, no lock is taken.
  reader.run("BEGIN DEFERRED", []);
  try {
    return queries.map((query) => reader.all(query.sql, query.parameters));
  } finally {
    if (reader.inTransaction) reader.run("ROLLBACK", []);
  }
};

export const closedError = (path: string): StoreError => new StoreError("unavailable", `${path} is closed`);
