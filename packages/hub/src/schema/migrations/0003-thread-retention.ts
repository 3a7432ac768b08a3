// Number 3: how far pruning has come in each thread, so that a daily run looks only at what is new to it.
import type { Migration } from "@muster/store";

export const threadRetention: Migration = {
  number: 3,
  name: "thread-retention",
  sqlite: [
    `CREATE TABLE thread_retention (
  space_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  pruned_through INTEGER NOT NULL,
  stubbed_through INTEGER NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (space_id, thread_id)
) STRICT, WITHOUT ROWID`,
  ],
  postgres: [
    `CREATE TABLE thread_retention (
  space_id TEXT COLLATE "C" NOT NULL,
  thread_id TEXT COLLATE "C" NOT NULL,
  pruned_through BIGINT NOT NULL,
  stubbed_through BIGINT NOT NULL,
  updated_at TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (space_id, thread_id)
)`,
  ],
};
