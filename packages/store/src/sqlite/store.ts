// Opening a SQLite store: in the calling thread, or over threads.
import type { Store } from "../port.ts";
import { InlineStore } from "./inline-store.ts";
import { check, MEMORY, openConnections, openReader, type SqliteOptions } from "./open.ts";
import { ThreadedStore } from "./threads/threaded-store.ts";

/**
 * Opens a database file of this process alone (a second process may read and migrate it, but two that write are slow).
 * Throws StoreError: `corrupt` for a file that is no database or fails its check, `unavailable` for one that can't be opened.
 */
export const openSqliteStore = async (options: SqliteOptions): Promise<Store> => {
  const { path } = options;
  if (options.useThreads !== true || options.readOnly === true || path === MEMORY)
    return new InlineStore(path, openConnections(options));
  const store = new ThreadedStore(path, options.preparer);
  await store.open(() => {
    const reader = openReader(path);
    if (options.integrityCheck === true) check(reader, path);
    return reader;
  });
  return store;
};
