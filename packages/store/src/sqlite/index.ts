// The embedded adapter: SQLite through `node:sqlite`.

export { checkSqliteFile, type FileCheck, type FileCheckResult } from "./file-check.ts";
export type { SqliteOptions } from "./open.ts";
export { openSqliteStore } from "./store.ts";
