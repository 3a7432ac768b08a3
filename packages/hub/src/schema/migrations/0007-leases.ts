// Number 7: rights that one process of a database has at a time, by name.
import type { Migration } from "@muster/store";

export const leasesByName: Migration = {
  number: 7,
  name: "leases",
  sqlite: [
    `CREATE TABLE leases (
  lease_name TEXT NOT NULL,
  owner TEXT,
  fence INTEGER NOT NULL,
  expires_at TEXT NOT NULL,
  PRIMARY KEY (lease_name)
) STRICT, WITHOUT ROWID`,
  ],
  postgres: [
    `CREATE TABLE leases (
  lease_name TEXT COLLATE "C" NOT NULL,
  owner TEXT COLLATE "C",
  fence BIGINT NOT NULL,
  expires_at TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (lease_name)
)`,
  ],
};
