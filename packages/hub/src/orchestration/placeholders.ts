// Hand-written SQL is written once with `?` and runs in both dialects.
import type { Query, SqlValue, Store } from "@muster/store";

const texts = new Map<string, string>();

/** The text with `?` numbered where the dialect wants numbers. The texts are the program's own, so they are few. */
export function inDialect(dialect: Store["dialect"], sql: string): string {
  if (dialect === "sqlite") return sql;
  let numbered = texts.get(sql);
  if (numbered === undefined) {
    let count = 0;
    numbered = sql.replace(/\?/g, () => `$${++count}`);
    texts.set(sql, numbered);
  }
  return numbered;
}

export const query = (dialect: Store["dialect"], sql: string, ...parameters: SqlValue[]): Query => ({
  sql: inDialect(dialect, sql),
  parameters,
});
