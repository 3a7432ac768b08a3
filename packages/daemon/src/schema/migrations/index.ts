// The daemon's migrations in order.
import type { MigrationSet } from "@muster/store";
import { journalMigration } from "./0001-journal.ts";
import { begunCallsMigration } from "./0002-begun-calls.ts";

export const DAEMON_MIGRATIONS: MigrationSet = { name: "daemon", migrations: [journalMigration, begunCallsMigration] };
