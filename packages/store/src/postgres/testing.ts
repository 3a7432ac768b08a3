// Fresh PostgreSQL stores for tests: a schema of their own on a server that is given, dropped with the store.
import { randomBytes } from "node:crypto";
import { Client } from "pg";
import type { OpenedStore } from "../conformance/subject.ts";
import type { Store } from "../port.ts";
import { openPostgresStore, type PostgresOptions } from "./store.ts";

/** Where a test's server is. */
export interface PostgresAddress {
  /** Directory of the server's socket, or a host's name. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** What a child process of the conformance suite calls. */
export const openStoreAt = (argument: string): Promise<Store> =>
  openPostgresStore(JSON.parse(argument) as PostgresOptions);

/** Statements past the store, one after the other, on a connection of their own. Rows of the last one. */
export const runOn = async (
  address: PostgresAddress,
  ...statements: readonly string[]
): Promise<readonly Readonly<Record<string, unknown>>[]> => {
  const client = new Client(address);
  await client.connect();
  try {
    let rows: readonly Readonly<Record<string, unknown>>[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
};

export interface OpenedSchema extends OpenedStore {
  readonly options: PostgresOptions & PostgresAddress & { readonly schema: string };
}

export const openFreshSchema = async (
  address: PostgresAddress,
  more: Omit<PostgresOptions, keyof PostgresAddress> = {},
): Promise<OpenedSchema> => {
  const options = { ...address, ...more, schema: `test_${randomBytes(8).toString("hex")}` };
  const store = await openPostgresStore(options);
  return {
    store,
    options,
    opener: { module: import.meta.url, argument: JSON.stringify(options) },
    dispose: async () => {
      await store.close();
      await runOn(address, `DROP SCHEMA IF EXISTS ${options.schema} CASCADE`);
    },
  };
};
