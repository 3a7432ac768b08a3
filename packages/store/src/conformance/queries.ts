// Queries built with Kysely and only compiled by it: an adapter runs the text, never Kysely. The cases are put together
// from parts, in two dialects, and what a query builder makes must run as well as what is written by hand.
import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { isAllocatedNumber } from "../allocation.ts";
import type { Dialect } from "../identifiers.ts";
import { type Parameter, type QueryOf, type SqlValue, type Statement, StoreError } from "../port.ts";

/** A Kysely builder before it is run, with the rows that it finds. */
export interface Compilable<Found = unknown> {
  compile(): CompiledQuery<Found>;
}

export type StatementOptions = Pick<Statement, "returning" | "expectChanges">;

/** A Kysely that compiles in the dialect and cannot run anything. Build one per dialect and keep it. */
export const queryBuilder = <Database>(dialect: Dialect): Kysely<Database> =>
  new Kysely<Database>({
    dialect:
      dialect === "sqlite"
        ? {
            createAdapter: () => new SqliteAdapter(),
            createDriver: () => new DummyDriver(),
            createIntrospector: (database) => new SqliteIntrospector(database),
            createQueryCompiler: () => new SqliteQueryCompiler(),
          }
        : {
            createAdapter: () => new PostgresAdapter(),
            createDriver: () => new DummyDriver(),
            createIntrospector: (database) => new PostgresIntrospector(database),
            createQueryCompiler: () => new PostgresQueryCompiler(),
          },
  });

const isSqlValue = (value: unknown): value is SqlValue =>
  typeof value === "string" ||
  typeof value === "number" ||
  typeof value === "bigint" ||
  value === null ||
  value instanceof Uint8Array;

const checkEach = (sql: string, parameters: readonly unknown[], allowed: (value: unknown) => boolean): void => {
  const wrong = parameters.findIndex((value) => !allowed(value));
  if (wrong < 0) return;
  const why = "is no value a column can hold (encode booleans as 0 and 1, JSON and times as text)";
  throw new StoreError("invalid_statement", `parameter ${wrong + 1} ${why}: ${sql.slice(0, 200)}`);
};

/** The query as text and values. Throws `invalid_statement` for booleans, dates, objects and undefined. */
export const compile = <Found extends object>(query: Compilable<Found>): QueryOf<Found> => {
  const { sql, parameters } = query.compile();
  checkEach(sql, parameters, isSqlValue);
  return { sql, parameters: parameters as readonly SqlValue[] };
};

/** Like `compile`, for a batch: AllocatedNumbers may stand where a number is written. */
export const compileStatement = (query: Compilable, options: StatementOptions = {}): Statement => {
  const { sql, parameters } = query.compile();
  checkEach(sql, parameters, (value) => isSqlValue(value) || isAllocatedNumber(value));
  return { sql, parameters: parameters as readonly Parameter[], ...options };
};
