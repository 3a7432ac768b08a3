// A page of operations folded in memory before it is written: whoever follows the log page by page writes each row once
// a page instead of once an event. The rows come from the one in-memory interpreter; only what must be read before and
// written after is worked out here.
import { MemoryTables } from "./memory.ts";
import {
  PROJECTION_KEYS,
  PROJECTION_TABLES,
  type ProjectionRows,
  type ProjectionTable,
  type RowOperation,
  rowKey,
} from "./operations.ts";

type Insert = Extract<RowOperation, { operation: "insert" }>;
type Removal = Extract<RowOperation, { operation: "remove" }>;
type AnyRow = Readonly<Record<string, unknown>>;

/** Keys of rows by table; only tables whose key is one column are ever asked for. */
export type WantedRows = ReadonlyMap<ProjectionTable, ReadonlySet<string>>;
export type LoadedRows = ReadonlyMap<ProjectionTable, readonly ProjectionRows[ProjectionTable][]>;

export interface FoldedPage {
  /** In their order, to be done before the rows are written: what they remove are rows of before the page. */
  readonly removals: readonly Removal[];
  /** Rows as they are after the page, new or changed, to be put in the place of any with the same key. */
  readonly rows: ReadonlyMap<ProjectionTable, readonly ProjectionRows[ProjectionTable][]>;
}

const isOverwrite = ({ table, row, replace }: Insert): boolean =>
  replace !== undefined &&
  Object.keys(row).every(
    (column) =>
      (replace as readonly string[]).includes(column) || (PROJECTION_KEYS[table] as readonly string[]).includes(column),
  );

/** Keys that a change of rows names. Throws for one that names none: it could mean any row of before the page. */
function namedKeys({ table, where }: Exclude<RowOperation, Insert | Removal>): readonly string[] {
  const [column, second] = PROJECTION_KEYS[table] as readonly string[];
  const named = column === undefined || second !== undefined ? undefined : (where as AnyRow)[column];
  if (named === undefined) throw new Error(`a projector changes rows of ${table} without naming their key`);
  return Array.isArray(named) ? named.map(String) : [String(named)];
}

const setOf = (sets: Map<ProjectionTable, Set<string>>, table: ProjectionTable): Set<string> => {
  let keys = sets.get(table);
  if (keys === undefined) {
    keys = new Set();
    sets.set(table, keys);
  }
  return keys;
};

/** Rows of before the page that its operations build on. */
export function rowsToLoad(operations: readonly RowOperation[]): WantedRows {
  const wanted = new Map<ProjectionTable, Set<string>>();
  const made = new Map<ProjectionTable, Set<string>>();
  const want = (table: ProjectionTable, key: string): void => {
    if (made.get(table)?.has(key) !== true) setOf(wanted, table).add(key);
  };
  for (const operation of operations) {
    const { table } = operation;
    if (operation.operation === "remove") continue;
    if (operation.operation !== "insert") for (const key of namedKeys(operation)) want(table, key);
    else if (operation.replace === undefined || isOverwrite(operation))
      setOf(made, table).add(rowKey(table, operation.row as unknown as AnyRow));
    else want(table, rowKey(table, operation.row as unknown as AnyRow));
  }
  return wanted;
}

/** What the page comes to. `loaded` holds those of the wanted rows that exist. */
export function foldPage(operations: readonly RowOperation[], loaded: LoadedRows): FoldedPage {
  const tables = new MemoryTables();
  const before = new Set<unknown>();
  for (const [table, rows] of loaded) {
    tables.load(table, rows);
    for (const row of rows) before.add(row);
  }
  tables.apply(operations);
  const rows = new Map<ProjectionTable, readonly ProjectionRows[ProjectionTable][]>();
  for (const table of PROJECTION_TABLES) {
    // A row that changed is another object: the interpreter never changes one in place.
    const changed = tables.rows(table).filter((row) => !before.has(row));
    if (changed.length > 0) rows.set(table, changed);
  }
  const removals = operations.filter((operation) => operation.operation === "remove");
  return { removals: [...removals, ...vanished(tables, loaded)], rows };
}

/** Loaded rows that are there no more, by key: the page may have made them match a removal that the stored row does not. */
function vanished(tables: MemoryTables, loaded: LoadedRows): Removal[] {
  return [...loaded].flatMap(([table, rows]) => {
    const [column = ""] = PROJECTION_KEYS[table];
    const keys = rows.map((row) => rowKey(table, row as unknown as AnyRow)).filter((key) => !tables.get(table, key));
    return keys.length === 0 ? [] : [{ operation: "remove", table, where: { [column]: keys } } as unknown as Removal];
  });
}
