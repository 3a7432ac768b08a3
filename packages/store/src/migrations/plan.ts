// Which migrations are to run, decided from the set and from what a database says it has. Pure but for the digest;
// the adapters run the plan under their own lock. Every refusal names the migration and says what to do.
import { createHash } from "node:crypto";
import type { Dialect } from "../identifiers.ts";
import { type Row, StoreError } from "../port.ts";
import type { Migration, MigrationSet } from "./set.ts";

export interface PlannedMigration {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly statements: readonly string[];
}

const refuse = (message: string): never => {
  throw new StoreError("schema_mismatch", message);
};

const label = (set: MigrationSet, migration: { readonly number: number; readonly name: string }): string =>
  `migration ${migration.number} (${migration.name}) of ${set.name}`;

const prepare = (set: MigrationSet, migration: Migration, dialect: Dialect): PlannedMigration => {
  const statements = dialect === "sqlite" ? migration.sqlite : migration.postgres;
  if (statements === undefined)
    return refuse(`${label(set, migration)} has no statements for ${dialect}; use another database`);
  // SHA-256 over the JSON of name and statements, in hex.
  const checksum = createHash("sha256")
    .update(JSON.stringify([migration.name, statements]))
    .digest("hex");
  return { number: migration.number, name: migration.name, checksum, statements };
};

const prepareAll = (set: MigrationSet, dialect: Dialect): readonly PlannedMigration[] => {
  let last: Migration | undefined;
  return set.migrations.map((migration) => {
    if (!Number.isInteger(migration.number) || migration.number < 1)
      refuse(`${label(set, migration)}: numbers are whole and start at 1`);
    if (last !== undefined && migration.number === last.number) {
      refuse(
        `two migrations of ${set.name} have the number ${migration.number}: ${last.name} and ${migration.name}; give the later one the next free number`,
      );
    }
    if (last !== undefined && migration.number < last.number)
      refuse(`${label(set, migration)} stands after number ${last.number}; list them in order`);
    last = migration;
    return prepare(set, migration, dialect);
  });
};

const checkApplied = (set: MigrationSet, known: PlannedMigration | undefined, newest: number, row: Row): void => {
  const applied = { number: Number(row["number"]), name: String(row["name"]) };
  if (known === undefined) {
    if (applied.number > newest) {
      refuse(
        `the database is newer than this program: it has ${label(set, applied)}, this program ends at ${newest}; start a newer version, or restore a backup taken before the upgrade`,
      );
    }
    refuse(
      `the database has ${label(set, applied)}, which this program does not contain; start the version that applied it`,
    );
  } else if (known.checksum !== row["checksum"]) {
    refuse(
      `${label(set, known)} was edited after it was applied here (as ${applied.name}); put its text back and write a new migration instead`,
    );
  }
};

/**
 * Migrations still to run, in order. Throws `schema_mismatch`: two with one number, an applied one edited, a database
 * newer than the program, or a new one numbered below an applied one.
 * @param appliedRows `number`, `name` and `checksum` of what the database has of this set
 */
export const planMigrations = (
  set: MigrationSet,
  dialect: Dialect,
  appliedRows: readonly Row[],
): readonly PlannedMigration[] => {
  const all = prepareAll(set, dialect);
  const byNumber = new Map(all.map((migration) => [migration.number, migration]));
  const newest = all.at(-1)?.number ?? 0;
  let highestApplied = 0;
  for (const row of appliedRows) {
    const number = Number(row["number"]);
    checkApplied(set, byNumber.get(number), newest, row);
    highestApplied = Math.max(highestApplied, number);
  }
  const appliedNumbers = new Set(appliedRows.map((row) => Number(row["number"])));
  const pending = all.filter((migration) => !appliedNumbers.has(migration.number));
  const late = pending.find((migration) => migration.number < highestApplied);
  if (late !== undefined)
    refuse(`${label(set, late)} is not applied but ${highestApplied} is; give it a number above ${highestApplied}`);
  return pending;
};
