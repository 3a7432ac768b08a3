// The embedded adapter: SQLite through `node:sqlite`.

export type { SqliteOptions } from "./open.ts";
export { openSqliteStore } from "./store.ts";
