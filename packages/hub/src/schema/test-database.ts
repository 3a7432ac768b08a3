// A database with the hub's schema for tests, and the ways in which they try its rules.
import { openSqliteStore, type Store, StoreError } from "@muster/store";
import { HUB_MIGRATIONS } from "./migrations/index.ts";
import { sampleRow, type Table, type Values } from "./sample-rows.ts";

const STAMP = { appliedAt: "2026-01-01T00:00:00.000Z", generation: "generation" };

export const openHubDatabase = async (): Promise<Store> => {
  const store = await openSqliteStore({ path: ":memory:" });
  await store.migrate(HUB_MIGRATIONS, STAMP);
  return store;
};

/** Writes one row; answers "written" or the name of the rule that refused it ("unnamed" where the database tells none). */
export const tryRow = async (store: Store, table: Table, values: Values = {}): Promise<string> => {
  try {
    await store.commit({ guards: [], statements: [sampleRow(table, values)] });
    return "written";
  } catch (error) {
    if (error instanceof StoreError && error.code === "constraint_violated") return error.constraint ?? "unnamed";
    throw error;
  }
};

/** A space with two principals, two sessions and a node, so that references hold. */
export const populate = async (store: Store): Promise<void> => {
  for (const space_id of ["space", "other"]) {
    const rows = [
      sampleRow("spaces", { space_id }),
      sampleRow("principals", { space_id }),
      sampleRow("principals", { space_id, principal_id: "guest" }),
      sampleRow("sessions", { space_id }),
      sampleRow("sessions", { space_id, session_id: "second" }),
    ];
    await store.commit({ guards: [], statements: rows });
  }
};
