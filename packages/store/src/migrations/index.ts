// Migrations: sets of numbered statements and the rules by which a store takes them.

export { generationRenewal, readGeneration } from "./bookkeeping.ts";
export { type PlannedMigration, planMigrations } from "./plan.ts";
export type { Migration, MigrationReport, MigrationSet, MigrationStamp } from "./set.ts";
