// Fresh SQLite stores for tests: in a directory of their own, removed with the store.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OpenedStore } from "../conformance/subject.ts";
import type { Store } from "../port.ts";
import { openSqliteStore } from "./store.ts";

/** What a child process of the conformance suite calls. */
export const openStoreAt = (options: string): Promise<Store> => openSqliteStore(JSON.parse(options));

export const openFreshFile = (): Promise<OpenedStore> => openFresh(false);

export const openFreshThreads = (): Promise<OpenedStore> => openFresh(true);

const openFresh = async (useThreads: boolean): Promise<OpenedStore> => {
  const directory = await mkdtemp(join(tmpdir(), "muster-store-"));
  const options = JSON.stringify({ path: join(directory, "store.db"), useThreads });
  const store = await openStoreAt(options);
  return {
    store,
    opener: { module: import.meta.url, argument: options },
    dispose: async () => {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
};

export const openFreshMemory = async (): Promise<OpenedStore> => {
  const store = await openSqliteStore({ path: ":memory:" });
  return { store, dispose: () => store.close() };
};
