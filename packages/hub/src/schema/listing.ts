// A database's schema as text, for tests: one block per table, with its columns, keys, rules and indexes, so that two
// schemas are equal exactly when their listings are.
import type { Query, Row, Store } from "@muster/store";
import { listPostgresColumns, listPostgresSchema } from "./listing-postgres.ts";

const query = (sql: string, ...parameters: readonly string[]): Query => ({ sql, parameters });

const column = (row: Row): string => {
  const optional = row["notnull"] === 0 && row["pk"] === 0 ? "?" : "";
  const initial = row["dflt_value"] === null ? "" : ` = ${String(row["dflt_value"])}`;
  return `  ${String(row["name"])}${optional} ${String(row["type"]).toLowerCase()}${initial}`;
};

const primaryKey = (columns: readonly Row[]): string => {
  const keyed = columns
    .filter((row) => Number(row["pk"]) > 0)
    .sort((left, right) => Number(left["pk"]) - Number(right["pk"]));
  return `  key (${keyed.map((row) => String(row["name"])).join(", ")})`;
};

const squeeze = (sql: string): string => sql.replaceAll(/\s+/g, " ").trim();

/** `CREATE UNIQUE INDEX name ON table (a, b) WHERE …` → `unique name (a, b) where …`. */
const index = (row: Row): string => {
  const found = /^CREATE (UNIQUE )?INDEX (\w+) ON \w+ (.*)$/.exec(squeeze(String(row["sql"])));
  return `  ${found?.[1] === undefined ? "index" : "unique"} ${found?.[2] ?? "?"} ${found?.[3]?.replace(" WHERE ", " where ") ?? "?"}`;
};

const checks = (sql: string): readonly string[] =>
  [...squeeze(sql).matchAll(/CONSTRAINT (\w+) CHECK (\((?:[^()]|\([^()]*\))*\))/g)].map(
    (found) => `  check ${found[1]} ${found[2]}`,
  );

const references = (sql: string): readonly string[] =>
  [...squeeze(sql).matchAll(/CONSTRAINT (\w+) FOREIGN KEY (\([^)]*\)) REFERENCES (\w+ \([^)]*\))/g)].map(
    (found) => `  refers ${found[1]} ${found[2]} to ${found[3]}`,
  );

const table = async (store: Store, row: Row): Promise<string> => {
  const name = String(row["name"]);
  const sql = String(row["sql"]);
  const columns = await store.read(
    query('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?) ORDER BY cid', name),
  );
  const indexes = await store.read(
    query(
      "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL ORDER BY name",
      name,
    ),
  );
  const strict = /\bSTRICT\b[^)]*$/.test(sql) ? "" : " (not strict)";
  return [
    `${name}${strict}`,
    ...columns.map(column),
    primaryKey(columns),
    ...checks(sql),
    ...references(sql),
    ...indexes.map(index),
  ].join("\n");
};

/** One text per table, in order of name. */
export const listSchema = async (store: Store): Promise<readonly string[]> => {
  if (store.dialect === "postgres") return listPostgresSchema(store);
  const tables = await store.read(
    query(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    ),
  );
  return Promise.all(tables.map((row) => table(store, row)));
};

/** Names and columns alone, by table. */
export const listColumns = async (store: Store): Promise<Readonly<Record<string, readonly string[]>>> => {
  if (store.dialect === "postgres") return listPostgresColumns(store);
  const rows = await store.read(
    query(
      "SELECT t.name AS tbl, c.name AS col FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' ORDER BY t.name, c.cid",
    ),
  );
  const byTable = Object.groupBy(rows, (row) => String(row["tbl"]));
  return Object.fromEntries(
    Object.entries(byTable).map(([name, columns]) => [name, (columns ?? []).map((row) => String(row["col"]))]),
  );
};
