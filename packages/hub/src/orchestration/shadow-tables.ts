// Tables beside the live ones, for the time of a rebuild: made and dropped in the same commits that begin and end it, so
// that none outlives its row in projection_rebuilds. The statements are the same in both dialects.
import { PROJECTION_KEYS, PROJECTOR_TABLES, type ProjectionTable, type ProjectorName } from "@muster/core";
import type { Statement } from "@muster/store";
import { HUB_COLUMNS } from "../schema/index.ts";
import { columnName } from "./columns.ts";

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

/**
 * Makes the live table hold exactly the shadow's rows, and only the rows that differ are written: rows that were right
 * cost a look at them and no more. Two statements per table: what goes, and what comes. When the first is done, the live
 * table has no row that the shadow has not, so equal numbers mean that nothing has to come.
 */
export const swapShadows = (tables: readonly ProjectionTable[]): Statement[] =>
  tables.flatMap((table) => {
    const name = shadowName(table);
    const columns: readonly string[] = HUB_COLUMNS[table];
    const keys = keyColumns(table);
    const sameKey = keys.map((column) => `s."${column}" = "${table}"."${column}"`);
    const sameRest = columns
      .filter((column) => !keys.includes(column))
      .map((column) => `s."${column}" IS NOT DISTINCT FROM "${table}"."${column}"`);
    const sameRow = [...sameKey, ...sameRest].join(" AND ");
    return [
      `DELETE FROM "${table}" WHERE NOT EXISTS (SELECT 1 FROM "${name}" AS s WHERE ${sameRow})`,
      `INSERT INTO "${table}" (${quoted(columns)}) SELECT ${quoted(columns)} FROM "${name}" AS s
       WHERE (SELECT count(*) FROM "${table}") < (SELECT count(*) FROM "${name}")
       AND NOT EXISTS (SELECT 1 FROM "${table}" WHERE ${sameKey.join(" AND ")})`,
    ].map(statement);
  });
