// SQL of the journal's table, and of the facts beside it that outlive its rows: its id, how far it was pruned, and which
// hub has what was acknowledged.
import { JournalId } from "@muster/contracts";
import { change, integer, pick, type Statement, type Store, select, text } from "@muster/store";
import { DAEMON_TABLES } from "../schema/index.ts";

const JOURNAL_ID_KEY = "journal_id";
const HUB_GENERATION_KEY = "hub_generation";
const prunedKey = (journalId: JournalId): string => `journal_pruned:${journalId}`;

const { ingest_journal: journal } = DAEMON_TABLES;

export const entriesAfter = select({
  request: { journalId: journal.journal_id, after: integer(), limit: integer() },
  row: pick(journal, "sequence", "payload", "created_at"),
  sql: `SELECT sequence, payload, created_at FROM ingest_journal WHERE journal_id = :journalId AND sequence > :after
    ORDER BY sequence LIMIT :limit`,
});

export const acknowledgeUpTo = change({
  request: { journalId: journal.journal_id, after: integer(), last: integer(), at: text() },
  sql: `UPDATE ingest_journal SET acked_at = :at
    WHERE journal_id = :journalId AND sequence > :after AND sequence <= :last`,
});

const standOf = select({
  request: { journalId: journal.journal_id },
  row: { last: integer(), acknowledged: integer() },
  sql: `SELECT coalesce(max(sequence), 0) AS last,
      coalesce(max(CASE WHEN acked_at IS NOT NULL THEN sequence END), 0) AS acknowledged
    FROM ingest_journal WHERE journal_id = :journalId`,
});

const bytesOfPayloads = select({
  request: {},
  row: { bytes: integer() },
  sql: "SELECT coalesce(sum(octet_length(payload)), 0) AS bytes FROM ingest_journal",
});

const metadataOf = select({
  request: { key: text() },
  row: { value: text() },
  sql: "SELECT value FROM store_metadata WHERE key = :key",
});

const putMetadataOnce = change({
  request: { key: text(), value: text() },
  sql: "INSERT INTO store_metadata (key, value) VALUES (:key, :value) ON CONFLICT DO NOTHING",
});

const putMetadata = change({
  request: { key: text(), value: text() },
  sql: "INSERT INTO store_metadata (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
});

const deleteMetadata = change({ request: { key: text() }, sql: "DELETE FROM store_metadata WHERE key = :key" });

const metadata = async (store: Store, key: string): Promise<string | null> =>
  (await store.read(metadataOf("sqlite", { key })))[0]?.value ?? null;

export interface JournalState {
  readonly journalId: JournalId;
  readonly lastSequence: number;
  readonly acknowledged: number;
  /** Payload bytes of all rows. */
  readonly bytes: number;
}

/** What the disk says; `newId` becomes the journal's id where it has none. */
export async function loadState(store: Store, newId: string): Promise<JournalState> {
  await store.commit({ guards: [], statements: [putMetadataOnce("sqlite", { key: JOURNAL_ID_KEY, value: newId })] });
  const journalId = JournalId.parse(await metadata(store, JOURNAL_ID_KEY));
  const [stand] = await store.read(standOf("sqlite", { journalId }));
  // Rows may all have been pruned; the numbers go on nevertheless.
  const pruned = Number((await metadata(store, prunedKey(journalId))) ?? 0);
  return {
    journalId,
    lastSequence: Math.max(stand?.last ?? 0, pruned),
    acknowledged: Math.max(stand?.acknowledged ?? 0, pruned),
    bytes: await payloadBytes(store),
  };
}

export async function payloadBytes(store: Store): Promise<number> {
  return (await store.read(bytesOfPayloads("sqlite", {})))[0]?.bytes ?? 0;
}

/** The oldest rows: number, when acknowledged, bytes. */
export const oldestRows = select({
  request: { journalId: journal.journal_id, limit: integer() },
  row: { ...pick(journal, "sequence", "acked_at"), bytes: integer() },
  sql: `SELECT sequence, acked_at, octet_length(payload) AS bytes FROM ingest_journal WHERE journal_id = :journalId
    ORDER BY sequence LIMIT :limit`,
});

const deleteRows = change({
  request: { journalId: journal.journal_id, last: integer() },
  sql: "DELETE FROM ingest_journal WHERE journal_id = :journalId AND sequence <= :last",
});

export const deleteUpTo = (journalId: JournalId, sequence: number): Statement[] => [
  deleteRows("sqlite", { journalId, last: sequence }),
  putMetadata("sqlite", { key: prunedKey(journalId), value: String(sequence) }),
];

/** The generation of the hub's store that has the acknowledged rows; null before the first hub. */
export const hubGenerationOf = (store: Store): Promise<string | null> => metadata(store, HUB_GENERATION_KEY);

export const rememberHubGeneration = (generation: string): Statement =>
  putMetadata("sqlite", { key: HUB_GENERATION_KEY, value: generation });

const copyRows = change({
  request: { fresh: journal.journal_id, previous: journal.journal_id, after: integer() },
  sql: `INSERT INTO ingest_journal (journal_id, sequence, thread_id, turn_id, payload, created_at, acked_at)
    SELECT :fresh, row_number() OVER (ORDER BY sequence), thread_id, turn_id, payload, created_at, NULL
    FROM ingest_journal WHERE journal_id = :previous AND sequence > :after`,
});

const deleteJournal = change({
  request: { journalId: journal.journal_id },
  sql: "DELETE FROM ingest_journal WHERE journal_id = :journalId",
});

/** The first one changes as many rows as are kept under the new id. */
export const renumber = ({
  previous,
  fresh,
  after,
}: {
  readonly previous: JournalId;
  readonly fresh: JournalId;
  readonly after: number;
}): Statement[] => [
  copyRows("sqlite", { fresh, previous, after }),
  deleteJournal("sqlite", { journalId: previous }),
  deleteMetadata("sqlite", { key: prunedKey(previous) }),
  putMetadata("sqlite", { key: JOURNAL_ID_KEY, value: fresh }),
];
