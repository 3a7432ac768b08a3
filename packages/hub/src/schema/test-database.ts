// A database with the hub's schema for tests, and the ways in which they try its rules.
import { type Query, type Store, StoreError } from "@muster/store";
import { type OpenStore, openFreshMemory } from "@muster/store/testing";
import { HUB_MIGRATIONS } from "./migrations/index.ts";
import { sampleRow, type Table, type Values } from "./sample-rows.ts";

export const STAMP = { appliedAt: "2026-01-01T00:00:00.000Z", generation: "generation" };

export interface OpenedHubDatabase {
  readonly store: Store;
  /** Closes the store and removes its database. */
  dispose(): Promise<void>;
}

export const openHubDatabase = async (openStore: OpenStore = openFreshMemory): Promise<OpenedHubDatabase> => {
  const { store, dispose } = await openStore();
  await store.migrate(HUB_MIGRATIONS, STAMP);
  return { store, dispose };
};

/** Writes one row; answers "written" or the name of the rule that refused it ("unnamed" where the database tells none). */
export const tryRow = async (store: Store, table: Table, values: Values = {}): Promise<string> => {
  try {
    await store.commit({ guards: [], statements: [sampleRow(store.dialect, table, values)] });
    return "written";
  } catch (error) {
    if (error instanceof StoreError && error.code === "constraint_violated") return error.constraint ?? "unnamed";
    throw error;
  }
};

/** What `tryRow` answers for a reference to nothing: SQLite does not tell which one it was. */
export const brokenReference = (store: Store, name: string): string => (store.dialect === "sqlite" ? "unnamed" : name);

/** How the database would find the rows, in its own words, if reading the whole table were no choice. */
export const planOf = async (store: Store, { sql, parameters }: Query): Promise<string> => {
  if (store.dialect === "sqlite") {
    const rows = await store.read({ sql: `EXPLAIN QUERY PLAN ${sql}`, parameters });
    return rows.map((row) => row["detail"]).join("\n");
  }
  const settings = ["enable_seqscan", "enable_bitmapscan"].map((name) => ({
    sql: `SET LOCAL ${name} = off`,
    parameters: [],
  }));
  const answers = await store.readTransaction([...settings, { sql: `EXPLAIN ${sql}`, parameters }]);
  return (answers.at(-1) ?? []).map((row) => row["QUERY PLAN"]).join("\n");
};

/** A space with two principals, two sessions and a node, so that references hold. */
export const populate = async (store: Store): Promise<void> => {
  const sample = (table: Table, values: Values) => sampleRow(store.dialect, table, values);
  for (const space_id of ["space", "other"]) {
    const rows = [
      sample("spaces", { space_id }),
      sample("principals", { space_id }),
      sample("principals", { space_id, principal_id: "guest" }),
      sample("sessions", { space_id }),
      sample("sessions", { space_id, session_id: "second" }),
    ];
    await store.commit({ guards: [], statements: rows });
  }
};
