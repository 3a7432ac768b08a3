// The SQL interpreter of row operations: turns what projectors say into statements of the append's own transaction.
// Neighbouring inserts of one table go out as one multi-row statement; order inside a table is kept. On PostgreSQL, where a
// statement costs more than a row, neighbouring changes of one shape do too.
import type { SpaceId } from "@muster/contracts";
import { PROJECTION_KEYS, type ProjectionTable, type RowOperation } from "@muster/core";
import { insertRows, type Parameter, placeholder, type Statement, type Store } from "@muster/store";
import { columnName, entriesIn, type FieldValue, fieldOf, fieldsIn, isListed, toSql } from "./columns.ts";

/** Values of one list in one statement. */
const LISTED_MAX = 500;
/** Changes in one statement. */
const ALIKE_MAX = 500;

/** Where the rows of a table stand, when not in the table itself. */
export type TableNames = (table: ProjectionTable) => string;

type Insert = Extract<RowOperation, { operation: "insert" }>;
type Change = Exclude<RowOperation, Insert>;

/** Statements for the operations of one space. Tables are independent of each other, so they are written one by one. */
export function projectionStatements(
  dialect: Store["dialect"],
  spaceId: SpaceId,
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
    let alike = new AlikeChanges();
    const flush = (): void => {
      if (inserts.length > 0) statements.push(...insertStatements(dialect, spaceId, inserts, tableNames));
      statements.push(...alike.statements(spaceId, tableNames));
      inserts = [];
      alike = new AlikeChanges();
    };
    for (const operation of list) {
      if (operation.operation === "insert") {
        const first = inserts[0];
        if (!alike.isEmpty || (first !== undefined && first.replace?.join() !== operation.replace?.join())) flush();
        inserts.push(operation);
      } else {
        if (dialect === "postgres" && inserts.length === 0 && alike.take(operation)) continue;
        flush();
        if (dialect === "postgres" && alike.take(operation)) continue;
        for (const part of inParts(operation)) statements.push(changeStatement(dialect, spaceId, part, tableNames));
      }
    }
    flush();
  }
  return statements;
}

function insertStatements(
  dialect: Store["dialect"],
  spaceId: SpaceId,
  inserts: readonly Insert[],
  tableNames: TableNames,
): readonly Statement[] {
  const [first] = inserts;
  if (first === undefined) return [];
  const { table, replace } = first;
  const fields = fieldsIn(first.row);
  const columns = ["space_id", ...fields.map((field) => columnName(table, field))];
  const rows = inserts.map(({ row }) => [spaceId, ...fields.map((field) => toSql(table, field, fieldOf(row, field)))]);
  if (replace === undefined) return insertRows(dialect, tableNames(table), columns, rows);
  const conflict = {
    update: replace.map((name) => columnName(table, name)),
    on: ["space_id", ...PROJECTION_KEYS[table].map((name) => columnName(table, name))],
  };
  // Two writes of one key in one statement are refused by databases.
  const keyOf = ({ row }: Insert): string => JSON.stringify(PROJECTION_KEYS[table].map((field) => fieldOf(row, field)));
  return distinctRuns(inserts.map(keyOf)).flatMap(([from, to]) =>
    insertRows(dialect, tableNames(table), columns, rows.slice(from, to), { conflict }),
  );
}

/**
 * Neighbouring updates of single rows, each of another row, or removals, that name the same columns: their order does not
 * matter, so they are one statement. The values travel as JSON and get their types from the table itself.
 */
class AlikeChanges {
  #shape = "";
  readonly #keys = new Set<string>();
  readonly #changes: Change[] = [];

  get isEmpty(): boolean {
    return this.#changes.length === 0;
  }

  /** False when it is not alike, and nothing was taken. */
  take(change: Change): boolean {
    const shape = shapeOf(change);
    const key = JSON.stringify(Object.values(change.where));
    if (shape === null || this.#changes.length >= ALIKE_MAX || (!this.isEmpty && shape !== this.#shape)) return false;
    if (change.operation === "update" && this.#keys.has(key)) return false;
    this.#shape = shape;
    this.#keys.add(key);
    this.#changes.push(change);
    return true;
  }

  statements(spaceId: SpaceId, tableNames: TableNames): readonly Statement[] {
    const [first] = this.#changes;
    if (first === undefined) return [];
    if (this.#changes.length === 1) return [changeStatement("postgres", spaceId, first, tableNames)];
    const { table } = first;
    const place = tableNames(table);
    const columnsOf = (part: Parameters<typeof fieldsIn>[0]): string[] =>
      fieldsIn(part).map((field) => `"${columnName(table, field)}"`);
    const rows = this.#changes.map((change) => {
      const values = { ...change.where, ...(change.operation === "update" ? change.set : {}) };
      return Object.fromEntries(
        entriesIn(values).map(([field, value]) => [
          columnName(table, field),
          // Lists of values go alone, see `shapeOf`.
          wellFormed(toSql(table, field, value as FieldValue)),
        ]),
      );
    });
    const given = `json_populate_recordset(NULL::"${place}", $1::json) AS given`;
    const conditions = columnsOf(first.where).map((column) => `changed.${column} = given.${column}`);
    const isChanged = ["changed.space_id = $2", ...conditions].join(" AND ");
    const assignments =
      first.operation === "update" ? columnsOf(first.set).map((column) => `${column} = given.${column}`) : [];
    const sql =
      first.operation === "update"
        ? `UPDATE "${place}" AS changed SET ${assignments.join(", ")} FROM ${given} WHERE ${isChanged}`
        : `DELETE FROM "${place}" AS changed USING ${given} WHERE ${isChanged}`;
    return [{ sql, parameters: [JSON.stringify(rows), spaceId] }];
  }
}

/** The server takes no half of a surrogate pair out of JSON; alone, such a text would arrive marked as well. */
const wellFormed = <Value>(value: Value): Value | string => (typeof value === "string" ? value.toWellFormed() : value);

/** What changes must have in common to be one statement; null for one that goes alone. */
function shapeOf(change: Change): string | null {
  const names = Object.keys(change.where);
  if (Object.values(change.where).some((value) => Array.isArray(value) || value === null)) return null;
  if (change.operation === "remove") return change.above === undefined ? `remove ${names.join()}` : null;
  if (change.operation !== "update") return null;
  const key: readonly string[] = PROJECTION_KEYS[change.table];
  if (names.some((name) => name in change.set)) return null;
  const isOneRow = key.length === names.length && key.every((name) => names.includes(name));
  return isOneRow ? `update ${names.join()} ${Object.keys(change.set).join()}` : null;
}

/** The list cut into as few pieces as hold no key twice, each by its first place and the one behind its last. */
function distinctRuns(keys: readonly string[]): readonly (readonly [from: number, to: number])[] {
  const runs: [number, number][] = [];
  let seen = new Set<string>();
  let from = 0;
  for (const [place, key] of keys.entries()) {
    if (seen.has(key)) {
      runs.push([from, place]);
      [seen, from] = [new Set(), place];
    }
    seen.add(key);
  }
  return [...runs, [from, keys.length]];
}

/** A change of rows named by a long list, as several: a revert may drop more messages than a statement takes values. */
function inParts(operation: Change): readonly Change[] {
  for (const [field, values] of entriesIn(operation.where)) {
    if (!isListed(values) || values.length <= LISTED_MAX) continue;
    const parts: Change[] = [];
    for (let start = 0; start < values.length; start += LISTED_MAX) {
      const where = { ...operation.where, [field]: values.slice(start, start + LISTED_MAX) };
      parts.push({ ...operation, where } as Change);
    }
    return parts;
  }
  return [operation];
}

function changeStatement(
  dialect: Store["dialect"],
  spaceId: SpaceId,
  operation: Change,
  tableNames: TableNames,
): Statement {
  const { table } = operation;
  const place = tableNames(table);
  const parameters: Parameter[] = [];
  const hole = (value: Parameter): string => placeholder(dialect, parameters.push(value) - 1);
  let sql: string;
  if (operation.operation === "remove") {
    sql = `DELETE FROM "${place}"`;
  } else {
    // Holes are counted in the order of the text.
    const assignments = operation.operation === "append-text" ? [`"text" = "text" || ${hole(operation.text)}`] : [];
    for (const field of fieldsIn(operation.set))
      assignments.push(`"${columnName(table, field)}" = ${hole(toSql(table, field, fieldOf(operation.set, field)))}`);
    sql = `UPDATE "${place}" SET ${assignments.join(", ")}`;
  }
  const conditions = [`"space_id" = ${hole(spaceId)}`];
  for (const [field, value] of entriesIn(operation.where)) {
    const column = columnName(table, field);
    if (isListed(value))
      conditions.push(`"${column}" IN (${value.map((one) => hole(toSql(table, field, one))).join(", ")})`);
    else conditions.push(`"${column}" = ${hole(toSql(table, field, value))}`);
  }
  if (operation.operation === "remove" && operation.above !== undefined) {
    conditions.push(`"${columnName(table, operation.above.column)}" > ${hole(operation.above.value)}`);
  }
  return { sql: `${sql} WHERE ${conditions.join(" AND ")}`, parameters };
}
