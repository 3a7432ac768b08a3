// Tables beside the live ones, for the time of a rebuild: made and dropped in the same commits that begin and end it, so
// that none outlives its row in projection_rebuilds. The statements are the same in both dialects.
import type { SpaceId } from "@muster/contracts";
import {
  PROJECTION_KEYS,
  PROJECTOR_TABLES,
  type ProjectionRows,
  type ProjectionTable,
  type ProjectorName,
} from "@muster/core";
import { insertRows, type Statement, type Store } from "@muster/store";
import { HUB_COLUMNS } from "../schema/index.ts";
import { columnName, fieldOf, toSql } from "./columns.ts";

export const shadowName = (table: ProjectionTable): string => `shadow_${table}`;

export const tablesOf = (projectors: readonly ProjectorName[]): readonly ProjectionTable[] =>
  projectors.map((name) => PROJECTOR_TABLES[name]);

const statement = (sql: string): Statement => ({ sql, parameters: [] });
const quoted = (columns: readonly string[]): string => columns.map((column) => `"${column}"`).join(", ");
const keyColumns = (table: ProjectionTable): readonly string[] => [
  "space_id",
  ...PROJECTION_KEYS[table].map((field) => columnName(table, field)),
];

/** Empty tables with the columns of the live ones and the index that filling needs; rules are checked at the swap. */
export const createShadows = (tables: readonly ProjectionTable[]): Statement[] =>
  tables.flatMap((table) => {
    const name = shadowName(table);
    return [
      `CREATE TABLE "${name}" AS SELECT * FROM "${table}" WHERE 1 = 0`,
      `CREATE UNIQUE INDEX "${name}_key" ON "${name}" (${quoted(keyColumns(table))})`,
    ].map(statement);
  });

/**
 * For removing rows by thread and turn, as a revert does. Made when the first one comes, because most logs have none for
 * long, and an index that is made over rows costs less than one that grows with them.
 */
export const indexShadowsByThread = (tables: readonly ProjectionTable[]): Statement[] =>
  tables
    .filter((table) => HAS_TURNS.has(table))
    .map((table) => {
      const name = shadowName(table);
      return statement(`CREATE INDEX IF NOT EXISTS "${name}_thread" ON "${name}" ("space_id", "thread_id", "turn_id")`);
    });

const HAS_TURNS: ReadonlySet<ProjectionTable> = new Set<ProjectionTable>([
  "projection_thread_messages",
  "projection_thread_activities",
  "projection_thread_turns",
  "projection_pending_approvals",
]);

export const dropShadows = (tables: readonly ProjectionTable[]): Statement[] =>
  tables.map((table) => statement(`DROP TABLE IF EXISTS "${shadowName(table)}"`));

/** For the keys of rows that may not be equal here and there. */
const candidateName = (table: ProjectionTable): string => `candidate_${table}`;

export const createCandidates = (tables: readonly ProjectionTable[]): Statement[] =>
  tables.map((table) =>
    statement(
      `CREATE TABLE "${candidateName(table)}" AS SELECT ${quoted(keyColumns(table))} FROM "${table}" WHERE 1 = 0`,
    ),
  );

export const addCandidates = (
  dialect: Store["dialect"],
  spaceId: SpaceId,
  table: ProjectionTable,
  rows: readonly ProjectionRows[ProjectionTable][],
): readonly Statement[] => {
  const keys = rows.map((row) => [
    spaceId,
    ...PROJECTION_KEYS[table].map((field) => toSql(table, field, fieldOf(row, field) ?? null)),
  ]);
  return insertRows(dialect, candidateName(table), keyColumns(table), keys);
};

/** Makes candidates of all rows that are not equal, and of no others. In one transaction, for rows of one moment. */
export const findCandidates = (tables: readonly ProjectionTable[]): Statement[] =>
  tables.flatMap((table) => {
    const [name, candidates] = [shadowName(table), candidateName(table)];
    const keys = quoted(keyColumns(table));
    return [
      `INSERT INTO "${candidates}" SELECT ${keys} FROM "${table}" WHERE NOT EXISTS (SELECT 1 FROM "${name}" AS s WHERE ${sameRow(table)})`,
      // The live rows that are no candidates have an equal: only where that is not all of the shadow has it more.
      `INSERT INTO "${candidates}" SELECT ${keys} FROM "${name}" AS s
       WHERE (SELECT count(*) FROM "${table}") - (SELECT count(*) FROM "${candidates}") < (SELECT count(*) FROM "${name}")
       AND NOT EXISTS (SELECT 1 FROM "${table}" WHERE ${sameKey(table)})`,
    ].map(statement);
  });

const sameKey = (table: ProjectionTable): string =>
  keyColumns(table)
    .map((column) => `s."${column}" = "${table}"."${column}"`)
    .join(" AND ");

const sameRow = (table: ProjectionTable): string => {
  const keys = keyColumns(table);
  const rest = HUB_COLUMNS[table].filter((column) => !keys.includes(column));
  return [sameKey(table), ...rest.map((column) => `s."${column}" IS NOT DISTINCT FROM "${table}"."${column}"`)].join(
    " AND ",
  );
};

/**
 * Makes the live table hold exactly the shadow's rows, and only the rows that differ are written: rows that were right
 * cost a look at them and no more. Two statements per table: what goes, and what comes. When the first is done, the live
 * table has no row that the shadow has not, so equal numbers mean that nothing has to come. Among candidates no other row
 * is even looked at.
 */
export const swapShadows = (tables: readonly ProjectionTable[], isAmongCandidates: boolean): Statement[] =>
  tables.flatMap((table) => {
    const name = shadowName(table);
    const columns = quoted(HUB_COLUMNS[table]);
    const keys = quoted(keyColumns(table));
    const isCandidate = `(${keys}) IN (SELECT ${keys} FROM "${candidateName(table)}")`;
    const mayComeIn = isAmongCandidates
      ? isCandidate
      : `(SELECT count(*) FROM "${table}") < (SELECT count(*) FROM "${name}")`;
    return [
      `DELETE FROM "${table}" WHERE ${isAmongCandidates ? `${isCandidate} AND ` : ""}NOT EXISTS (SELECT 1 FROM "${name}" AS s WHERE ${sameRow(table)})`,
      `INSERT INTO "${table}" (${columns}) SELECT ${columns} FROM "${name}" AS s
       WHERE ${mayComeIn} AND NOT EXISTS (SELECT 1 FROM "${table}" WHERE ${sameKey(table)})`,
    ].map(statement);
  });
