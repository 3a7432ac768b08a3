// A connection to two files: the store's, and a new one for tables of its own, which is unlinked as soon as it is open, so
// that nothing of it outlives the connection, however that ends. Names without a schema mean the scratch's table where it
// has one, else the store's. The scratch is never synced: what ends before it was copied into the store is lost as a whole.
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import type { Batch, CommitResult } from "../port.ts";
import { commitBatch } from "./commit.ts";
import { Connection } from "./connection.ts";
import { toStoreError } from "./errors.ts";
import {
  PAGE_CACHE_KIB,
  SCRATCH_CACHE_KIB,
  SCRATCH_PAGE_BYTES,
  WAL_CHECKPOINT_PAGES,
  WAL_KEPT_BYTES,
} from "./limits.ts";
import { createPrivately } from "./open.ts";

/** Throws StoreError. */
export const openScratchConnection = (path: string): Connection => {
  const place = `${path}-scratch-${randomUUID()}`;
  let connection: Connection | undefined;
  try {
    createPrivately(place);
    connection = new Connection(place, { readOnly: false });
    // Rolled back from memory: a journal beside a file that has no name any more could not be found again.
    connection.execute(`PRAGMA main.page_size = ${SCRATCH_PAGE_BYTES}; PRAGMA main.journal_mode = MEMORY; PRAGMA main.synchronous = OFF;
      PRAGMA main.locking_mode = EXCLUSIVE; PRAGMA main.cache_size = -${SCRATCH_CACHE_KIB};
      PRAGMA temp_store = MEMORY`);
    connection.run("ATTACH DATABASE ? AS store", [path]);
    connection.execute(`PRAGMA store.synchronous = FULL; PRAGMA store.cache_size = -${PAGE_CACHE_KIB};
      PRAGMA store.journal_size_limit = ${WAL_KEPT_BYTES}; PRAGMA wal_autocheckpoint = ${WAL_CHECKPOINT_PAGES}`);
    return connection;
  } catch (error) {
    connection?.close();
    throw toStoreError(error, "open");
  } finally {
    rmSync(place, { force: true });
  }
};

/** Changes tables of the scratch, and waits for nobody who writes the store. */
export const commitScratch = (connection: Connection, batch: Batch): CommitResult =>
  commitBatch(connection, batch, "BEGIN DEFERRED");
