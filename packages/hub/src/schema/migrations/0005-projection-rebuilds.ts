// Number 5: rebuilds of projections, so that all processes on one store know of the one that runs and of the last.
import type { Migration } from "@muster/store";

export const projectionRebuilds: Migration = {
  number: 5,
  name: "projection-rebuilds",
  sqlite: [
    `CREATE TABLE projection_rebuilds (
  rebuild_number INTEGER NOT NULL,
  owner TEXT NOT NULL,
  projectors_json TEXT NOT NULL,
  status TEXT NOT NULL CONSTRAINT projection_rebuilds_status_check CHECK (status IN ('running', 'finished', 'failed')),
  applied_sequence INTEGER NOT NULL,
  head_sequence INTEGER NOT NULL,
  skipped_json TEXT NOT NULL,
  rows_removed INTEGER,
  rows_written INTEGER,
  error_code TEXT,
  started_at TEXT NOT NULL,
  lease_expires_at TEXT NOT NULL,
  held_until TEXT,
  finished_at TEXT,
  PRIMARY KEY (rebuild_number)
) STRICT, WITHOUT ROWID`,
  ],
  postgres: [
    `CREATE TABLE projection_rebuilds (
  rebuild_number BIGINT NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  projectors_json TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL CONSTRAINT projection_rebuilds_status_check CHECK (status IN ('running', 'finished', 'failed')),
  applied_sequence BIGINT NOT NULL,
  head_sequence BIGINT NOT NULL,
  skipped_json TEXT COLLATE "C" NOT NULL,
  rows_removed BIGINT,
  rows_written BIGINT,
  error_code TEXT COLLATE "C",
  started_at TEXT COLLATE "C" NOT NULL,
  lease_expires_at TEXT COLLATE "C" NOT NULL,
  held_until TEXT COLLATE "C",
  finished_at TEXT COLLATE "C",
  PRIMARY KEY (rebuild_number)
)`,
  ],
};
