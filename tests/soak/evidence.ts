// Everything the checker looks at, read once and read-only: the hub's tables, the daemon's tables, the hidden refs of
// the workspaces, and the record of the run.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { WireEvent } from "@muster/contracts";
import { PROJECTION_KEYS, type ProjectionRows, type ProjectionTable } from "@muster/core";
import { openSqliteStore, type Row, type Store } from "@muster/store";
import { openPostgresStore } from "@muster/store/postgres";
import { fromSql } from "../../packages/hub/src/orchestration/columns.ts";
import { type EventRow, wireEventOf } from "../../packages/hub/src/orchestration/event-log.ts";
import type { HubRow } from "../../packages/hub/src/schema/index.ts";
import type { CommandRecord, FollowerRecord, LedgerRecord } from "./record.ts";

export const PROJECTION_TABLES = Object.keys(PROJECTION_KEYS) as ProjectionTable[];
const GIT_OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

export type ProjectedRows = { readonly [Table in ProjectionTable]: readonly ProjectionRows[Table][] };

export interface HubEvidence {
  readonly events: readonly WireEvent[];
  readonly rows: ProjectedRows;
  readonly projectorCursors: readonly Row[];
  readonly receipts: readonly Row[];
  readonly effects: readonly Row[];
  readonly ingestCursors: readonly Row[];
  readonly ingestRejected: readonly Row[];
}

export interface DaemonEvidence {
  readonly journalId: string;
  readonly lastSequence: number;
  readonly effectsSeen: readonly Row[];
}

export interface Evidence {
  readonly hub: HubEvidence;
  readonly daemon: DaemonEvidence;
  readonly commands: readonly CommandRecord[];
  readonly followers: readonly FollowerRecord[];
  readonly ledger: readonly LedgerRecord[];
  /** Hidden refs of all workspaces. */
  readonly refs: ReadonlySet<string>;
  /** Processes that should have ended and had not, in words. */
  readonly leftovers: readonly string[];
  /** What still waited when it had had all the time it needs, in words. */
  readonly unrest: readonly string[];
  /** What no client and no log should have shown, in words. */
  readonly problems: readonly string[];
}

const all = (store: Store, sql: string): Promise<readonly Row[]> => store.read({ sql, parameters: [] });

export async function readHub(store: Store): Promise<HubEvidence> {
  const rows: Partial<Record<ProjectionTable, unknown[]>> = {};
  for (const table of PROJECTION_TABLES)
    rows[table] = (await all(store, `SELECT * FROM ${table}`)).map((row) =>
      fromSql(table, row as HubRow<ProjectionTable>),
    );
  return {
    events: (await all(store, "SELECT * FROM orchestration_events ORDER BY sequence")).map((row) =>
      wireEventOf(row as EventRow),
    ),
    rows: rows as unknown as ProjectedRows,
    projectorCursors: await all(store, "SELECT projector, last_applied_sequence FROM projection_state"),
    receipts: await all(store, "SELECT * FROM orchestration_command_receipts"),
    effects: await all(store, "SELECT * FROM orchestration_effects ORDER BY event_sequence"),
    ingestCursors: await all(store, "SELECT * FROM ingest_cursors"),
    ingestRejected: await all(store, "SELECT * FROM ingest_rejected"),
  };
}

export async function readDaemon(store: Store): Promise<DaemonEvidence> {
  const [metadata] = await all(store, "SELECT value FROM store_metadata WHERE key = 'journal_id'");
  const journalId = String(metadata?.["value"] ?? "");
  const [head] = await store.read({
    sql: "SELECT coalesce(max(sequence), 0) AS last FROM ingest_journal WHERE journal_id = ?",
    parameters: [journalId],
  });
  return {
    journalId,
    lastSequence: Number(head?.["last"] ?? 0),
    effectsSeen: await all(
      store,
      `SELECT effect_id, state,
      state = 'accepted' AND result_json IS NOT NULL AS has_begun FROM effects_seen`,
    ),
  };
}

/** Where a database is: a file's path, or the URL of one on PostgreSQL. */
export type DatabasePlace = { readonly path: string } | { readonly url: string };

/** Opens a database, reads, and closes it whatever happens. */
export async function fromDatabase<Read>(place: DatabasePlace, read: (store: Store) => Promise<Read>): Promise<Read> {
  const store =
    "url" in place
      ? await openPostgresStore({ connectionString: place.url })
      : await openSqliteStore({ path: place.path, readOnly: true });
  try {
    return await read(store);
  } finally {
    await store.close();
  }
}

/** Hidden refs of repositories, by their git folders. */
export async function readRefs(gitFolders: readonly string[]): Promise<Set<string>> {
  const refs = new Set<string>();
  for (const folder of gitFolders) {
    const { stdout } = await promisify(execFile)(
      "git",
      [`--git-dir=${folder}`, "for-each-ref", "--format=%(refname)", "refs/muster"],
      { maxBuffer: GIT_OUTPUT_MAX_BYTES },
    );
    for (const line of stdout.split("\n")) if (line !== "") refs.add(line);
  }
  return refs;
}

/** The agents' ledger; the last line may be torn where an agent was killed while it wrote. */
export function readLedger(path: string): LedgerRecord[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as LedgerRecord];
    } catch {
      return [];
    }
  });
}
