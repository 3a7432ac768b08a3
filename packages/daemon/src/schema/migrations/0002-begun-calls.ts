// Number 2: calls of tools that have begun and are not in the journal yet, for a start after the daemon was killed.
import type { Migration } from "@muster/store";

export const begunCallsMigration: Migration = {
  number: 2,
  name: "begun-calls",
  sqlite: [
    // Few rows, of calls that began within the last seconds; a plain table, for what a call shows may be large.
    `CREATE TABLE begun_calls (
  turn_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  payload TEXT NOT NULL,
  begun_at TEXT NOT NULL,
  PRIMARY KEY (turn_id, item_id)
) STRICT`,
  ],
};
