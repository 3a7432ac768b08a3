// Names and placeholders in SQL text, in each dialect's spelling.
import { StoreError } from "./port.ts";

export type Dialect = "sqlite" | "postgres";

/** Longest name that both dialects keep whole: PostgreSQL cuts at 63 bytes. */
export const IDENTIFIER_MAX_CHARACTERS = 63;

/** A quoted table or column name. Throws `invalid_statement` for what is no plain name of ours. */
export const quoteIdentifier = (name: string): string => {
  if (!/^[a-z_][a-z0-9_]*$/.test(name) || name.length > IDENTIFIER_MAX_CHARACTERS) {
    throw new StoreError("invalid_statement", `not a table or column name: ${JSON.stringify(name.slice(0, 80))}`);
  }
  return `"${name}"`;
};

/** The placeholder of the parameter at `index`, counted from 0. */
export const placeholder = (dialect: Dialect, index: number): string => (dialect === "sqlite" ? "?" : `$${index + 1}`);
