// Numbered migrations as their owner writes them down. A set is append-only: what has been released is never edited
// or renumbered, so that an upgraded schema equals a fresh one.

export interface Migration {
  /** From 1, unique in its set, growing. */
  readonly number: number;
  /** What it does, in words joined by hyphens. */
  readonly name: string;
  /** Statements for SQLite, in order; no BEGIN or COMMIT. */
  readonly sqlite: readonly string[];
  /** Statements for PostgreSQL; absent while the set has no PostgreSQL schema, which then refuses to migrate there. */
  readonly postgres?: readonly string[];
}

export interface MigrationSet {
  /** Owner of the set, such as `hub` or `daemon`; several sets may share a database. */
  readonly name: string;
  readonly migrations: readonly Migration[];
}

/** Time and randomness for one call of `migrate`. */
export interface MigrationStamp {
  /** ISO 8601 UTC with milliseconds. */
  readonly appliedAt: string;
  /** Becomes the store's generation if it has none yet. */
  readonly generation: string;
}

export interface MigrationReport {
  /** Numbers applied by this call; empty when the schema was up to date. */
  readonly applied: readonly number[];
  /** The store's generation: changes only after a restore. */
  readonly generation: string;
}
