// The door of schema/: the daemon's tables and how its database gets them.
export { DAEMON_MIGRATIONS } from "./migrations/index.ts";
export { DAEMON_TABLES, type DaemonRow, type EffectState } from "./tables.ts";
