// A PostgreSQL schema as text, in the form of listing.ts; rules and indexes as the server itself spells them.
import type { Query, Row, Store } from "@muster/store";

const query = (sql: string, ...parameters: readonly string[]): Query => ({ sql, parameters });

const OF_TABLE = "to_regclass($1)";

const column = (row: Row): string => {
  const optional = row["required"] === 1 ? "" : "?";
  const initial = row["initial"] === null ? "" : ` = ${String(row["initial"])}`;
  const order = row["collation"] === "C" || row["collation"] === null ? "" : ` (collation ${String(row["collation"])})`;
  return `  ${String(row["name"])}${optional} ${String(row["type"])}${order}${initial}`;
};

const WORDS: Readonly<Record<string, string>> = { p: "key", c: "check", f: "refers" };

const rule = (row: Row): string => {
  const text = String(row["text"]);
  if (row["kind"] === "p") return `  key ${text.replace("PRIMARY KEY ", "")}`;
  return `  ${WORDS[String(row["kind"])] ?? "rule"} ${String(row["name"])} ${text.replace(/^(CHECK|FOREIGN KEY) /, "")}`;
};

/** `CREATE UNIQUE INDEX name ON schema.table USING btree (a, b) WHERE …` → `unique name (a, b) where …`. */
const index = (row: Row): string => {
  const found = /^CREATE (UNIQUE )?INDEX (\w+) ON \S+ USING btree (.*)$/.exec(String(row["text"]));
  return `  ${found?.[1] === undefined ? "index" : "unique"} ${found?.[2] ?? "?"} ${found?.[3]?.replace(" WHERE ", " where ") ?? "?"}`;
};

const table = async (store: Store, name: string): Promise<string> => {
  const columns = await store.read(
    query(
      `SELECT attname AS name, attnotnull AS required, format_type(atttypid, atttypmod) AS type, collname AS collation,
         pg_get_expr(adbin, adrelid) AS initial
       FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
         LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
       WHERE attrelid = ${OF_TABLE} AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
      name,
    ),
  );
  const rules = await store.read(
    query(
      `SELECT contype AS kind, conname AS name, pg_get_constraintdef(oid) AS text FROM pg_constraint
       WHERE conrelid = ${OF_TABLE} AND contype <> 'n' ORDER BY position(contype::text IN 'pcf'), conname COLLATE "C"`,
      name,
    ),
  );
  const indexes = await store.read(
    query(
      `SELECT pg_get_indexdef(indexrelid) AS text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid = ${OF_TABLE} AND NOT indisprimary ORDER BY relname COLLATE "C"`,
      name,
    ),
  );
  return [name, ...columns.map(column), ...rules.map(rule), ...indexes.map(index)].join("\n");
};

/** One text per table, in order of name. */
export const listPostgresSchema = async (store: Store): Promise<readonly string[]> => {
  const tables = await store.read(
    query(`SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename COLLATE "C"`),
  );
  return Promise.all(tables.map((row) => table(store, String(row["name"]))));
};

/** Names and columns alone, by table. */
export const listPostgresColumns = async (store: Store): Promise<Readonly<Record<string, readonly string[]>>> => {
  const rows = await store.read(
    query(
      `SELECT table_name AS tbl, column_name AS col FROM information_schema.columns
       WHERE table_schema = current_schema() ORDER BY table_name COLLATE "C", ordinal_position`,
    ),
  );
  const byTable = Object.groupBy(rows, (row) => String(row["tbl"]));
  return Object.fromEntries(
    Object.entries(byTable).map(([name, columns]) => [name, (columns ?? []).map((row) => String(row["col"]))]),
  );
};
