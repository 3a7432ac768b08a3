// SQL of the journal's table, and of the two facts about it that outlive its rows: its id, and how far it was pruned.
import { JournalId } from "@muster/contracts";
import { queryBuilder, type Row, type Statement, type Store, template } from "@muster/store";
import type { DaemonDatabase } from "../schema/index.ts";

const JOURNAL_ID_KEY = "journal_id";
const prunedKey = (journalId: JournalId): string => `journal_pruned:${journalId}`;

export const JOURNAL_COLUMNS = [
  "journal_id",
  "sequence",
  "thread_id",
  "turn_id",
  "payload",
  "created_at",
  "acked_at",
] as const;

const builder = queryBuilder<DaemonDatabase>("sqlite");

export const entriesAfter = template<{ journal: string; after: number; limit: number }>((value) =>
  builder
    .selectFrom("ingest_journal")
    .select(["sequence", "payload", "created_at"])
    .where("journal_id", "=", value("journal"))
    .where("sequence", ">", value("after"))
    .orderBy("sequence")
    .limit(value("limit")),
);

export const acknowledgeUpTo = template<{ journal: string; after: number; last: number; at: string }>((value) =>
  builder
    .updateTable("ingest_journal")
    .set({ acked_at: value("at") })
    .where("journal_id", "=", value("journal"))
    .where("sequence", ">", value("after"))
    .where("sequence", "<=", value("last")),
);

export interface JournalState {
  readonly journalId: JournalId;
  readonly lastSequence: number;
  readonly acknowledged: number;
  /** Payload bytes of all rows. */
  readonly bytes: number;
}

/** What the disk says; `newId` becomes the journal's id where it has none. */
export async function loadState(store: Store, newId: string): Promise<JournalState> {
  await store.commit({
    guards: [],
    statements: [
      {
        sql: "INSERT INTO store_metadata (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
        parameters: [JOURNAL_ID_KEY, newId],
      },
    ],
  });
  const metadata = async (key: string): Promise<unknown> =>
    (await store.read({ sql: "SELECT value FROM store_metadata WHERE key = ?", parameters: [key] }))[0]?.["value"];
  const journalId = JournalId.parse(await metadata(JOURNAL_ID_KEY));
  const [facts] = await store.read({
    sql: `SELECT coalesce(max(sequence), 0) AS last,
                 coalesce(max(CASE WHEN acked_at IS NOT NULL THEN sequence END), 0) AS acknowledged
            FROM ingest_journal WHERE journal_id = ?`,
    parameters: [journalId],
  });
  // Rows may all have been pruned; the numbers go on nevertheless.
  const pruned = Number((await metadata(prunedKey(journalId))) ?? 0);
  return {
    journalId,
    lastSequence: Math.max(Number(facts?.["last"] ?? 0), pruned),
    acknowledged: Math.max(Number(facts?.["acknowledged"] ?? 0), pruned),
    bytes: await payloadBytes(store),
  };
}

export async function payloadBytes(store: Store): Promise<number> {
  const sql = "SELECT coalesce(sum(octet_length(payload)), 0) AS bytes FROM ingest_journal";
  return Number((await store.read({ sql, parameters: [] }))[0]?.["bytes"] ?? 0);
}

/** The oldest rows: number, when acknowledged, bytes. */
export const oldestRows = (store: Store, journalId: JournalId, limit: number): Promise<readonly Row[]> =>
  store.read({
    sql: "SELECT sequence, acked_at, octet_length(payload) AS bytes FROM ingest_journal WHERE journal_id = ? ORDER BY sequence LIMIT ?",
    parameters: [journalId, limit],
  });

export const deleteUpTo = (journalId: JournalId, sequence: number): Statement[] => [
  { sql: "DELETE FROM ingest_journal WHERE journal_id = ? AND sequence <= ?", parameters: [journalId, sequence] },
  {
    sql: "INSERT INTO store_metadata (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    parameters: [prunedKey(journalId), String(sequence)],
  },
];

const HUB_GENERATION_KEY = "hub_generation";

/** The generation of the hub's store that has the acknowledged rows; null before the first hub. */
export async function hubGenerationOf(store: Store): Promise<string | null> {
  const sql = "SELECT value FROM store_metadata WHERE key = ?";
  const value = (await store.read({ sql, parameters: [HUB_GENERATION_KEY] }))[0]?.["value"];
  return typeof value === "string" ? value : null;
}

export const rememberHubGeneration = (generation: string): Statement => ({
  sql: "INSERT INTO store_metadata (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  parameters: [HUB_GENERATION_KEY, generation],
});

/** The first one changes as many rows as are kept under the new id. */
export const renumber = (journals: {
  readonly previous: JournalId;
  readonly fresh: JournalId;
  readonly after: number;
}): Statement[] => [
  {
    sql: `INSERT INTO ingest_journal (journal_id, sequence, thread_id, turn_id, payload, created_at, acked_at)
          SELECT ?, row_number() OVER (ORDER BY sequence), thread_id, turn_id, payload, created_at, NULL
            FROM ingest_journal WHERE journal_id = ? AND sequence > ?`,
    parameters: [journals.fresh, journals.previous, journals.after],
  },
  { sql: "DELETE FROM ingest_journal WHERE journal_id = ?", parameters: [journals.previous] },
  { sql: "DELETE FROM store_metadata WHERE key = ?", parameters: [prunedKey(journals.previous)] },
  { sql: "UPDATE store_metadata SET value = ? WHERE key = ?", parameters: [journals.fresh, JOURNAL_ID_KEY] },
];
