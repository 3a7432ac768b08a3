// The door of schema/: the daemon's tables and how its database gets them.
export { DAEMON_MIGRATIONS } from "./migrations/index.ts";
export type {
  BegunCallsTable,
  DaemonDatabase,
  EffectState,
  EffectsSeenTable,
  IngestJournalTable,
  ProviderSessionRuntimeTable,
} from "./tables.ts";
