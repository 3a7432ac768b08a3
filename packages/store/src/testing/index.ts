// For tests that need a database: fresh stores of either kind. Files of the `sql` level share one PostgreSQL server.
import { inject } from "vitest";
import type { OpenedStore, OpenStore } from "../conformance/subject.ts";
import { type OpenedSchema, openFreshSchema, type PostgresAddress } from "../postgres/testing.ts";
import { openFreshFile, openFreshMemory } from "../sqlite/testing.ts";
import { takeOffer } from "./server.ts";
import "./setup.ts";

export { runOn } from "../postgres/testing.ts";
export { checkOnPostgres, checkOnSqlite, type Findings, type Tables } from "./declarations.ts";
export { wrongRows } from "./found-rows.ts";
export { type Gate, openGate } from "./proxy.ts";
export { startPostgres } from "./server.ts";
export { loadSources } from "./sources.ts";

/** The URL of a database on a test's server, as `MUSTER_DATABASE_URL` takes it. */
export const urlOf = ({ host, user, database, port }: PostgresAddress): string =>
  `postgresql://${user}@/${database}?host=${host}&port=${port}`;

export type { OpenedSchema, OpenedStore, OpenStore, PostgresAddress };
export { openFreshFile, openFreshMemory };

let address: Promise<PostgresAddress> | undefined;

/** The server of this run; the first call starts it. */
export const sharedPostgres = (): Promise<PostgresAddress> => {
  address ??= takeOffer(inject("postgresControl"));
  return address;
};

/** A store over a schema of its own on the run's server. */
export const openFreshPostgres = async (): Promise<OpenedSchema> => openFreshSchema(await sharedPostgres());

/** Both databases by name, for `describe.each`. */
export const DATABASES: readonly (readonly [string, OpenStore])[] = [
  ["SQLite", openFreshMemory],
  ["PostgreSQL", openFreshPostgres],
];
