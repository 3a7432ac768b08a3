// The log in pages that fit in memory, folded and turned into the statements that move projection rows on by a page:
// what catching up at start and rebuilding beside the live rows have in common.
import type { SpaceId } from "@muster/contracts";
import {
  type FoldedPage,
  foldPage,
  PROJECTION_KEYS,
  type ProjectionRows,
  type ProjectionTable,
  type ProjectorName,
  projectBy,
  type RowOperation,
  rowsToLoad,
} from "@muster/core";
import {
  insertRows,
  integer,
  nullable,
  placeholder,
  type QueryOf,
  type Statement,
  type Store,
  select,
} from "@muster/store";
import type { HubRow } from "../schema/index.ts";
import { columnName, columnsOf, fromSql, valuesOf } from "./columns.ts";
import { PROJECTED_COLUMNS, type ProjectedRow } from "./event-log.ts";
import { type ReadEvent, SkippedEvents } from "./event-reader.ts";
import { projectionStatements, type TableNames } from "./projection-writer.ts";

/** Events of one page, which is one write: each commit waits for the disk, and a row is written once a page. */
export const LOG_PAGE_EVENTS_MAX = 2_000;
/** Bytes of payload in one page, unless its first event alone has more. */
export const LOG_PAGE_BYTES_MAX = 8 * 1024 * 1024;
/** Events read at once. Each costs about 10 µs, so a slice holds the event loop for about 5 ms. */
const LOG_SLICE_EVENTS_MAX = 500;
/** Bytes of payload in one slice, unless its first event alone has more. */
const LOG_SLICE_BYTES_MAX = 2 * 1024 * 1024;
/** Keys in one question for rows. */
const LOADED_KEYS_MAX = 500;

/** What projectors make of a page of the log, before it meets the rows that it builds on. */
export interface LogPage {
  readonly operations: ReadonlyMap<SpaceId, readonly RowOperation[]>;
  readonly skipped: SkippedEvents;
  /** Its last event; where it starts when it has none. */
  readonly last: number;
}

type Reads = Pick<Store, "dialect" | "read" | "readTransaction">;

export interface PageOptions {
  readonly store: Reads;
  readonly readEvent: ReadEvent;
  /** Projectors that take the event of a sequence. */
  readonly projectorsAt: (sequence: number) => readonly ProjectorName[];
  /** Fewer events than usual in a page. */
  readonly eventsMax?: number;
}

/** The events behind `after`, oldest first. Reads the log alone, so it may run while the page before is written. */
export async function readLogPage(after: number, options: PageOptions): Promise<LogPage> {
  const { store, readEvent, projectorsAt, eventsMax = LOG_PAGE_EVENTS_MAX } = options;
  const operations = new Map<SpaceId, RowOperation[]>();
  const skipped = new SkippedEvents();
  let last = after;
  for (let events = 0, bytes = 0; events < eventsMax && bytes < LOG_PAGE_BYTES_MAX; ) {
    const wanted = Math.min(LOG_SLICE_EVENTS_MAX, eventsMax - events);
    // Commands and readers have their turn between slices.
    await new Promise((resolve) => setImmediate(resolve));
    const rows = await readSlice(store, last, wanted);
    for (const row of rows) {
      bytes += row.payload_json.length;
      const event = skipped.known(readEvent.projected(row));
      if (event === null) continue;
      const ofSpace = operations.get(event.spaceId) ?? [];
      operations.set(event.spaceId, ofSpace);
      for (const operation of projectBy(projectorsAt(event.sequence), event)) ofSpace.push(operation);
    }
    events += rows.length;
    last = rows.at(-1)?.sequence ?? last;
    if (rows.length === 0) break;
  }
  return { operations, skipped, last };
}

const slice = { after: integer(), limit: integer() } as const;

/** Sizes first: a few hundred payloads may have any number of bytes together. */
const sliceSize = select({
  request: slice,
  row: { last: nullable(integer()), bytes: nullable(integer()) },
  sql: `SELECT max(sequence) AS last, sum(bytes) AS bytes FROM (
    SELECT sequence, octet_length(payload_json) AS bytes FROM orchestration_events
    WHERE sequence > :after ORDER BY sequence LIMIT :limit) AS sizes`,
});

/** The last event that fits. */
const endOfHeavySlice = select({
  request: { ...slice, bytesMax: integer() },
  row: { last: nullable(integer()) },
  sql: `SELECT max(sequence) AS last FROM (
    SELECT sequence, bytes, sum(bytes) OVER (ORDER BY sequence) AS total FROM (
      SELECT sequence, octet_length(payload_json) AS bytes FROM orchestration_events
      WHERE sequence > :after ORDER BY sequence LIMIT :limit) AS sizes) AS totals
    WHERE total <= :bytesMax OR total = bytes`,
});

const eventsOfSlice = select({
  request: { after: integer(), last: integer() },
  row: PROJECTED_COLUMNS,
  sql: `SELECT ${Object.keys(PROJECTED_COLUMNS).join(", ")} FROM orchestration_events
    WHERE sequence > :after AND sequence <= :last ORDER BY sequence`,
});

/** Rows of the log behind `after`, oldest first; none at the head. */
async function readSlice(store: Reads, after: number, limit: number): Promise<readonly ProjectedRow[]> {
  const { dialect } = store;
  const [usual] = await store.read(sliceSize(dialect, { after, limit }));
  const isSmall = (usual?.bytes ?? 0) <= LOG_SLICE_BYTES_MAX;
  const heavy = { after, limit, bytesMax: LOG_SLICE_BYTES_MAX };
  const [end] = isSmall ? [usual] : await store.read(endOfHeavySlice(dialect, heavy));
  const last = end?.last ?? null;
  return last === null ? [] : store.read(eventsOfSlice(dialect, { after, last }));
}

/** What a page comes to in statements. */
export interface PageWrite {
  readonly statements: readonly Statement[];
  /** Tables from which rows of a thread are removed by their turn. */
  readonly removedByThread: ReadonlySet<ProjectionTable>;
  readonly rows: readonly WrittenRows[];
}

export interface WrittenRows {
  readonly spaceId: SpaceId;
  readonly table: ProjectionTable;
  readonly rows: readonly ProjectionRows[ProjectionTable][];
}

/** Reads the rows that the page builds on. `tableNames` says where rows stand; in the live tables unless given. */
export async function writePage(store: Reads, page: LogPage, tableNames?: TableNames): Promise<PageWrite> {
  const statements: Statement[] = [];
  const removedByThread = new Set<ProjectionTable>();
  const written: WrittenRows[] = [];
  for (const [spaceId, operations] of page.operations) {
    for (const { operation, table, ...rest } of operations)
      if (operation === "remove" && "where" in rest && "threadId" in rest.where) removedByThread.add(table);
    const { removals, rows } = await foldedOf(spaceId, operations, { store, tableNames });
    statements.push(...projectionStatements(store.dialect, spaceId, removals, tableNames));
    for (const [table, list] of rows) {
      written.push({ spaceId, table, rows: list });
      statements.push(...rowStatements(store.dialect, { spaceId, table, rows: list, tableNames }));
    }
  }
  return { statements, removedByThread, rows: written };
}

async function foldedOf(
  spaceId: SpaceId,
  operations: readonly RowOperation[],
  { store, tableNames }: { readonly store: Reads; readonly tableNames: TableNames | undefined },
): Promise<FoldedPage> {
  const loaded = new Map<ProjectionTable, ProjectionRows[ProjectionTable][]>();
  for (const [table, keys] of rowsToLoad(operations))
    loaded.set(table, await loadRows(store, { spaceId, table, keys: [...keys], tableNames }));
  return foldPage(operations, loaded);
}

interface RowsOfTable {
  readonly spaceId: SpaceId;
  readonly table: ProjectionTable;
  readonly tableNames: TableNames | undefined;
}

async function loadRows(
  store: Reads,
  { spaceId, table, keys, tableNames }: RowsOfTable & { readonly keys: readonly string[] },
): Promise<ProjectionRows[ProjectionTable][]> {
  const { dialect } = store;
  const [key] = PROJECTION_KEYS[table];
  // A shadow has the columns of its table.
  const queries: QueryOf<HubRow<ProjectionTable>>[] = [];
  for (let start = 0; start < keys.length; start += LOADED_KEYS_MAX) {
    const some = keys.slice(start, start + LOADED_KEYS_MAX);
    const listed = some.map((_key, index) => placeholder(dialect, index + 1)).join(", ");
    const sql = `SELECT * FROM "${tableNames?.(table) ?? table}" WHERE "space_id" = ${placeholder(dialect, 0)} AND "${columnName(table, key)}" IN (${listed})`;
    queries.push({ sql, parameters: [spaceId, ...some] });
  }
  return (await store.readTransaction(queries)).flat().map((row) => fromSql(table, row));
}

/** Puts whole rows in the place of any with their key. */
function rowStatements(
  dialect: Store["dialect"],
  { spaceId, table, rows, tableNames }: RowsOfTable & { readonly rows: readonly ProjectionRows[ProjectionTable][] },
): readonly Statement[] {
  const columns = ["space_id", ...columnsOf(table).columns];
  const values = rows.map((row) => valuesOf(table, spaceId, row));
  const on = ["space_id", ...PROJECTION_KEYS[table].map((field) => columnName(table, field))];
  const update = columns.filter((column) => !on.includes(column));
  return insertRows(dialect, tableNames?.(table) ?? table, columns, values, {
    conflict: { update, on },
    areKeysDistinct: true,
  });
}
