// What an adapter hands to the suite, and the small schema that the cases work on. Nothing here knows a dialect but the
// text of that schema.
import type { ColumnType, Kysely } from "kysely";
import type { MigrationSet } from "../migrations/set.ts";
import type { AllocatedNumber, Parameter, Row, Statement, Store } from "../port.ts";
import { insertRows } from "../statements.ts";
import { compile, queryBuilder } from "./queries.ts";

/** How a child process opens the same database: `module` exports `openStoreAt(argument: string): Promise<Store>`. */
export interface Opener {
  /** URL of the module. */
  readonly module: string;
  readonly argument: string;
}

export interface OpenedStore {
  readonly store: Store;
  /** Absent when nobody else can see the database; the cases that need it are then skipped with `alone` as the reason. */
  readonly opener?: Opener;
  /** Closes the store and removes its database. */
  dispose(): Promise<void>;
}

/** Opens a store over a new, empty database. */
export type OpenStore = () => Promise<OpenedStore>;

export interface ConformanceOptions {
  /** Why no second process can see the database, as for one in memory. */
  readonly alone?: string;
}

export interface ConformanceDatabase {
  entries: {
    sequence: ColumnType<number, number | AllocatedNumber, number>;
    name: string;
    kind: string;
    amount: number | bigint | null;
    data: Uint8Array | null;
    parent: number | null;
    note: string | null;
  };
  counters: { name: string; total: number };
}

const entries = (integer: string, bytes: string): readonly string[] => [
  `CREATE TABLE entries (
  sequence ${integer} NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL CONSTRAINT entries_kind_check CHECK (kind IN ('plain', 'special')),
  amount ${integer},
  data ${bytes},
  parent ${integer} REFERENCES entries (sequence),
  note TEXT,
  PRIMARY KEY (sequence)
)`,
  "CREATE UNIQUE INDEX entries_name_key ON entries (name)",
  "CREATE UNIQUE INDEX entries_special_amount_key ON entries (kind, amount) WHERE kind = 'special'",
  `CREATE TABLE counters (name TEXT NOT NULL, total ${integer} NOT NULL, PRIMARY KEY (name))`,
  "INSERT INTO counters (name, total) VALUES ('entries', 0)",
];

export const CONFORMANCE_MIGRATIONS: MigrationSet = {
  name: "conformance",
  migrations: [
    { number: 1, name: "entries", sqlite: entries("INTEGER", "BLOB"), postgres: entries("BIGINT", "BYTEA") },
  ],
};

export const STAMP = { appliedAt: "2026-01-01T00:00:00.000Z", generation: "generation-1" };

const ENTRY_COLUMNS = ["sequence", "name", "kind", "amount", "data", "parent", "note"] as const;

export interface Entry {
  readonly sequence: Parameter;
  readonly name: string;
  readonly kind?: string;
  readonly amount?: number | bigint | null;
  readonly data?: Uint8Array | null;
  readonly parent?: Parameter;
  /** In no index, so it may be of any length. */
  readonly note?: string;
}

const valuesOf = (entry: Entry): readonly Parameter[] => [
  entry.sequence,
  entry.name,
  entry.kind ?? "plain",
  entry.amount ?? null,
  entry.data ?? null,
  entry.parent ?? null,
  entry.note ?? null,
];

/** The store with its schema and the ways in which the cases use it. */
export interface Fixture {
  readonly store: Store;
  readonly opener: Opener | undefined;
  readonly queries: Kysely<ConformanceDatabase>;
  insert(...entries: readonly Entry[]): readonly Statement[];
  /** Names in order of sequence. */
  names(): Promise<readonly string[]>;
  sequences(): Promise<readonly number[]>;
  entry(name: string): Promise<Row | undefined>;
}

export const fixtureOf = async ({ store, opener }: OpenedStore): Promise<Fixture> => {
  await store.migrate(CONFORMANCE_MIGRATIONS, STAMP);
  const queries = queryBuilder<ConformanceDatabase>(store.dialect);
  const ordered = compile(queries.selectFrom("entries").select(["sequence", "name"]).orderBy("sequence"));
  return {
    store,
    opener,
    queries,
    insert: (...added) => insertRows(store.dialect, "entries", ENTRY_COLUMNS, added.map(valuesOf)),
    names: async () => (await store.read(ordered)).map((row) => String(row["name"])),
    sequences: async () => (await store.read(ordered)).map((row) => Number(row["sequence"])),
    entry: async (name) =>
      (await store.read(compile(queries.selectFrom("entries").selectAll().where("name", "=", name))))[0],
  };
};
