// The SQL interpreter of row operations: turns what projectors say into statements of the append's own transaction.
// Neighbouring inserts of one table go out as one multi-row statement; order inside a table is kept.
import type { RowOperation } from "@muster/core";
import { PROJECTION_KEYS, type ProjectionTable } from "@muster/core";
import type { Parameter, Statement, Store } from "@muster/store";
import { insertRows } from "@muster/store";
import { columnName, toSql } from "./columns.ts";

/** Values of one list in one statement. */
const LISTED_MAX = 500;

/** Where the rows of a table stand, when not in the table itself. */
export type TableNames = (table: ProjectionTable) => string;

type Insert = Extract<RowOperation, { operation: "insert" }>;

/** Statements for the operations of one space. Tables are independent of each other, so they are written one by one. */
export function projectionStatements(
  dialect: Store["dialect"],
  spaceId: string,
  operations: readonly RowOperation[],
  tableNames: TableNames = (table) => table,
): Statement[] {
  const byTable = new Map<ProjectionTable, RowOperation[]>();
  for (const operation of operations) {
    const list = byTable.get(operation.table);
    if (list === undefined) byTable.set(operation.table, [operation]);
    else list.push(operation);
  }
  const statements: Statement[] = [];
  for (const list of byTable.values()) {
    let inserts: Insert[] = [];
    const flush = (): void => {
      if (inserts.length > 0) statements.push(...insertStatements(dialect, spaceId, inserts, tableNames));
      inserts = [];
    };
    for (const operation of list) {
      if (operation.operation === "insert") {
        const first = inserts[0];
        if (first !== undefined && first.replace?.join() !== operation.replace?.join()) flush();
        inserts.push(operation);
      } else {
        flush();
        for (const part of inParts(operation)) statements.push(changeStatement(dialect, spaceId, part, tableNames));
      }
    }
    flush();
  }
  return statements;
}

function insertStatements(
  dialect: Store["dialect"],
  spaceId: string,
  inserts: readonly Insert[],
  tableNames: TableNames,
): readonly Statement[] {
  const [first] = inserts;
  if (first === undefined) return [];
  const { table, replace } = first;
  const names = Object.keys(first.row);
  const columns = ["space_id", ...names.map((name) => columnName(table, name))];
  const rows = inserts.map(({ row }) => [
    spaceId,
    ...names.map((name) => toSql(table, name, (row as Record<string, unknown>)[name])),
  ]);
  if (replace === undefined) return insertRows(dialect, tableNames(table), columns, rows);
  const conflict = {
    update: replace.map((name) => columnName(table, name)),
    on: ["space_id", ...PROJECTION_KEYS[table].map((name) => columnName(table, name))],
  };
  // Two writes of one key in one statement are refused by databases, so each goes alone.
  return rows.flatMap((row) => insertRows(dialect, tableNames(table), columns, [row], { conflict }));
}

/** A change of rows named by a long list, as several: a revert may drop more messages than a statement takes values. */
function inParts(operation: Exclude<RowOperation, Insert>): readonly Exclude<RowOperation, Insert>[] {
  const long = Object.entries(operation.where).find(([, value]) => Array.isArray(value) && value.length > LISTED_MAX);
  if (long === undefined) return [operation];
  const [name, values] = long as [string, readonly unknown[]];
  const parts: Exclude<RowOperation, Insert>[] = [];
  for (let start = 0; start < values.length; start += LISTED_MAX) {
    const where = { ...operation.where, [name]: values.slice(start, start + LISTED_MAX) };
    parts.push({ ...operation, where } as Exclude<RowOperation, Insert>);
  }
  return parts;
}

function changeStatement(
  dialect: Store["dialect"],
  spaceId: string,
  operation: Exclude<RowOperation, Insert>,
  tableNames: TableNames,
): Statement {
  const { table } = operation;
  const place = tableNames(table);
  const parameters: Parameter[] = [];
  const hole = (value: Parameter): string => {
    parameters.push(value);
    return dialect === "sqlite" ? "?" : `$${parameters.length}`;
  };
  let sql: string;
  if (operation.operation === "remove") {
    sql = `DELETE FROM "${place}"`;
  } else {
    // Holes are counted in the order of the text.
    const assignments = operation.operation === "append-text" ? [`"text" = "text" || ${hole(operation.text)}`] : [];
    for (const [name, value] of Object.entries(operation.set))
      assignments.push(`"${columnName(table, name)}" = ${hole(toSql(table, name, value))}`);
    sql = `UPDATE "${place}" SET ${assignments.join(", ")}`;
  }
  const conditions = [`"space_id" = ${hole(spaceId)}`];
  for (const [name, value] of Object.entries(operation.where) as [string, unknown][]) {
    const column = columnName(table, name);
    if (Array.isArray(value))
      conditions.push(`"${column}" IN (${value.map((one) => hole(toSql(table, name, one))).join(", ")})`);
    else conditions.push(`"${column}" = ${hole(toSql(table, name, value))}`);
  }
  if (operation.operation === "remove" && operation.above !== undefined) {
    conditions.push(`"${columnName(table, operation.above.column)}" > ${hole(operation.above.value)}`);
  }
  return { sql: `${sql} WHERE ${conditions.join(" AND ")}`, parameters };
}
