// The in-memory interpreter of row operations: what a client folds its feed with, and what property tests compare
// the SQL rows to. Keys are the tables' own; the space is the caller's.
import { PROJECTION_KEYS, type ProjectionRows, type ProjectionTable, type RowOperation, rowKey } from "./operations.ts";

type AnyRow = Readonly<Record<string, unknown>>;

export class MemoryTables {
  readonly #tables = new Map<ProjectionTable, Map<string, AnyRow>>();

  /** Rows of a table, in the order they were first inserted. */
  rows<Table extends ProjectionTable>(table: Table): ProjectionRows[Table][] {
    return [...this.#table(table).values()] as unknown as ProjectionRows[Table][];
  }

  get<Table extends ProjectionTable>(
    table: Table,
    ...key: readonly (string | number)[]
  ): ProjectionRows[Table] | undefined {
    return this.#table(table).get(key.join("\0")) as ProjectionRows[Table] | undefined;
  }

  /** Puts rows of a snapshot in, replacing rows of the same key. */
  load<Table extends ProjectionTable>(table: Table, rows: readonly ProjectionRows[Table][]): void {
    for (const row of rows) this.#table(table).set(rowKey(table, row as unknown as AnyRow), row as unknown as AnyRow);
  }

  clear(): void {
    this.#tables.clear();
  }

  apply(operations: readonly RowOperation[]): void {
    for (const operation of operations) this.#applyOne(operation);
  }

  #applyOne(operation: RowOperation): void {
    const table = this.#table(operation.table);
    switch (operation.operation) {
      case "insert": {
        const row = operation.row as unknown as AnyRow;
        const key = rowKey(operation.table, row);
        const existing = table.get(key);
        if (existing === undefined) table.set(key, row);
        else if (operation.replace !== undefined) table.set(key, { ...existing, ...pick(row, operation.replace) });
        return;
      }
      case "update":
        for (const [key, row] of matching(table, operation.table, operation.where))
          table.set(key, { ...row, ...operation.set });
        return;
      case "append-text":
        for (const [key, row] of matching(table, operation.table, operation.where)) {
          table.set(key, { ...row, ...operation.set, text: String(row["text"]) + operation.text });
        }
        return;
      case "remove":
        for (const [key, row] of matching(table, operation.table, operation.where)) {
          const { above } = operation;
          if (above === undefined || Number(row[above.column]) > above.value) table.delete(key);
        }
    }
  }

  #table(name: ProjectionTable): Map<string, AnyRow> {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = new Map();
      this.#tables.set(name, table);
    }
    return table;
  }
}

const pick = (row: AnyRow, columns: readonly string[]): AnyRow =>
  Object.fromEntries(columns.map((column) => [column, row[column]]));

function matching(table: Map<string, AnyRow>, name: ProjectionTable, where: object): [string, AnyRow][] {
  const conditions = Object.entries(where) as [string, unknown][];
  const keyColumns: readonly string[] = PROJECTION_KEYS[name];
  const [first] = conditions;
  if (first === undefined || keyColumns.length > 1 || keyColumns[0] !== first[0])
    return [...table].filter(([, row]) => fits(row, conditions));
  // The common case, rows by their keys, must not walk the table.
  const found: [string, AnyRow][] = [];
  for (const one of Array.isArray(first[1]) ? new Set(first[1]) : [first[1]]) {
    const key = String(one);
    const row = table.get(key);
    if (row !== undefined && fits(row, conditions)) found.push([key, row]);
  }
  return found;
}

const fits = (row: AnyRow, conditions: readonly [string, unknown][]): boolean => {
  for (const [column, wanted] of conditions)
    if (Array.isArray(wanted) ? !wanted.includes(row[column]) : row[column] !== wanted) return false;
  return true;
};
