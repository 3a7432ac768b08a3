// The log in pages that fit in memory, folded and turned into the statements that move projection rows on by a page:
// what catching up at start and rebuilding beside the live rows have in common.
import type { SpaceId } from "@muster/contracts";
import {
  foldPage,
  PROJECTION_KEYS,
  type ProjectionRows,
  type ProjectionTable,
  type ProjectorName,
  project,
  type RowOperation,
  rowsToLoad,
} from "@muster/core";
import { insertRows, type Parameter, type Query, type Row, type Statement, type Store } from "@muster/store";
import { HUB_COLUMNS } from "../schema/index.ts";
import { columnName, fromSql, toSql } from "./columns.ts";
import type { ReadEvent, SkippedEvents } from "./event-reader.ts";
import { query } from "./placeholders.ts";
import { projectionStatements, type TableNames } from "./projection-writer.ts";

/** Events of one page. Each costs about 20 µs, so a page holds the event loop for about 10 ms. */
export const LOG_PAGE_EVENTS_MAX = 500;
/** Bytes of payload in one page, unless its first event alone has more. */
export const LOG_PAGE_BYTES_MAX = 8 * 1024 * 1024;
/** Keys in one question for rows. */
const LOADED_KEYS_MAX = 500;

/** Rows of the log behind `after`, oldest first; none at the head. */
export async function readLogPage(
  store: Store,
  after: number,
  eventsMax = LOG_PAGE_EVENTS_MAX,
): Promise<readonly Row[]> {
  const sizes = await store.read(
    query(
      store.dialect,
      "SELECT sequence, octet_length(payload_json) AS bytes FROM orchestration_events WHERE sequence > ? ORDER BY sequence LIMIT ?",
      after,
      eventsMax,
    ),
  );
  let bytes = 0;
  let last = after;
  for (const [index, row] of sizes.entries()) {
    bytes += Number(row["bytes"]);
    if (index > 0 && bytes > LOG_PAGE_BYTES_MAX) break;
    last = Number(row["sequence"]);
  }
  if (last === after) return [];
  return store.read(
    query(
      store.dialect,
      "SELECT * FROM orchestration_events WHERE sequence > ? AND sequence <= ? ORDER BY sequence",
      after,
      last,
    ),
  );
}

export interface PageOptions {
  readonly store: Store;
  readonly readEvent: ReadEvent;
  readonly skipped: SkippedEvents;
  /** Projectors that take the event of a sequence. */
  readonly projectorsAt: (sequence: number) => readonly ProjectorName[];
  /** Where rows stand; the live tables unless given. */
  readonly tableNames?: TableNames;
}

/** What the page of log rows does to the projections' rows, as statements. Reads the rows that it builds on. */
export async function pageStatements(rows: readonly Row[], options: PageOptions): Promise<readonly Statement[]> {
  const { readEvent, skipped, projectorsAt } = options;
  const bySpace = new Map<SpaceId, RowOperation[]>();
  for (const row of rows) {
    const event = skipped.known(readEvent(row));
    if (event === null) continue;
    const operations = bySpace.get(event.spaceId) ?? [];
    for (const name of projectorsAt(event.sequence)) operations.push(...project(name, event));
    bySpace.set(event.spaceId, operations);
  }
  const statements: Statement[] = [];
  for (const [spaceId, operations] of bySpace)
    statements.push(...(await spaceStatements(spaceId, operations, options)));
  return statements;
}

async function spaceStatements(
  spaceId: SpaceId,
  operations: readonly RowOperation[],
  { store, tableNames }: PageOptions,
): Promise<readonly Statement[]> {
  const loaded = new Map<ProjectionTable, ProjectionRows[ProjectionTable][]>();
  for (const [table, keys] of rowsToLoad(operations))
    loaded.set(table, await loadRows(store, { spaceId, table, keys: [...keys], tableNames }));
  const { removals, rows } = foldPage(operations, loaded);
  return [
    ...projectionStatements(store.dialect, spaceId, removals, tableNames),
    ...[...rows].flatMap(([table, list]) => rowStatements(store.dialect, { spaceId, table, rows: list, tableNames })),
  ];
}

interface RowsOfTable {
  readonly spaceId: SpaceId;
  readonly table: ProjectionTable;
  readonly tableNames: TableNames | undefined;
}

async function loadRows(
  store: Store,
  { spaceId, table, keys, tableNames }: RowsOfTable & { readonly keys: readonly string[] },
): Promise<ProjectionRows[ProjectionTable][]> {
  const [key = ""] = PROJECTION_KEYS[table];
  const queries: Query[] = [];
  for (let start = 0; start < keys.length; start += LOADED_KEYS_MAX) {
    const some = keys.slice(start, start + LOADED_KEYS_MAX);
    const sql = `SELECT * FROM "${tableNames?.(table) ?? table}" WHERE "space_id" = ? AND "${columnName(table, key)}" IN (${some.map(() => "?").join(", ")})`;
    queries.push(query(store.dialect, sql, spaceId, ...some));
  }
  return (await store.readTransaction(queries)).flat().map((row) => fromSql(table, row));
}

/** Puts whole rows in the place of any with their key. */
function rowStatements(
  dialect: Store["dialect"],
  { spaceId, table, rows, tableNames }: RowsOfTable & { readonly rows: readonly ProjectionRows[ProjectionTable][] },
): readonly Statement[] {
  const [first] = rows;
  if (first === undefined) return [];
  const fields = Object.keys(first);
  const columns = ["space_id", ...fields.map((field) => columnName(table, field))];
  if (columns.length !== HUB_COLUMNS[table].length) throw new Error(`a row for ${table} has not all of its columns`);
  const values = rows.map((row): Parameter[] => [
    spaceId,
    ...fields.map((field) => toSql(table, field, (row as unknown as Record<string, unknown>)[field])),
  ]);
  const on = ["space_id", ...PROJECTION_KEYS[table].map((field) => columnName(table, field))];
  const update = columns.filter((column) => !on.includes(column));
  return insertRows(dialect, tableNames?.(table) ?? table, columns, values, { conflict: { update, on } });
}
