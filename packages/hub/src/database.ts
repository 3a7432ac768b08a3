// Which database a hub keeps its state in: the file of its home, or PostgreSQL by its URL. The home remembers which, so
// that a forgotten setting never looks like an empty hub. No message and no log ever holds the URL's user or password.
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ErrorCode, MusterError } from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { generationRenewal, StoreError } from "@muster/store";
import type { ServerRefusal } from "@muster/store/postgres";
import { DATABASE_FILE, type HubDatabase, mustBeSound, openDatabase } from "./home.ts";
import { PREPARER } from "./orchestration/index.ts";
import { HUB_MIGRATIONS } from "./schema/index.ts";

/** In the hub's home: the server that holds its state, without user and password. Absent where the file does. */
const NOTE_FILE = "database.json";
const SETTING = "MUSTER_DATABASE_URL";

export interface DatabaseSettings {
  readonly home: string;
  /** `postgresql://user:password@host:port/database`; null: the file in the home. */
  readonly url: string | null;
}

/**
 * Opens the database and brings its schema up to date.
 * Throws `database_mismatch`, and what the kind of database may: `openDatabase` and `openServer` say what.
 */
export async function openHubDatabase(settings: DatabaseSettings, clock: Clock, ids: Ids): Promise<HubDatabase> {
  const { home, url } = settings;
  if (url !== null) return openServer(home, url, clock, ids);
  const server = notedServer(home);
  if (server === null) return openDatabase(home, clock, ids);
  throw new MusterError(
    "database_mismatch",
    `The hub with the home ${home} keeps its data in ${server}: set ${SETTING} to its URL. For a hub with a database file, give --home another folder.`,
    { home, server },
  );
}

/**
 * Gives the database another generation, after a backup was put in its place: clients take a new snapshot, and daemons
 * offer again what the backup lacks. For a hub that does not run; doing it again is harmless.
 * Throws `validation_failed` where there is no database, and what `openDatabase` throws.
 */
export async function markRestored(
  settings: DatabaseSettings,
  clock: Clock,
  ids: Ids,
): Promise<{ readonly generation: string }> {
  const path = join(settings.home, DATABASE_FILE);
  if (settings.url === null && notedServer(settings.home) === null && !existsSync(path)) {
    throw new MusterError("validation_failed", `There is no database at ${path}. Put the backup there first.`, {
      path,
    });
  }
  const database = await openHubDatabase(settings, clock, ids);
  const { store } = database;
  try {
    await mustBeSound(database);
    const generation = ids.next();
    await store.commit({ guards: [], statements: [generationRenewal(store.dialect, generation)] });
    return { generation };
  } finally {
    await store.close();
  }
}

/**
 * Throws `validation_failed` for a URL that cannot be read, `database_unreachable`, `database_denied`,
 * `database_unsuitable`, `schema_mismatch`, `database_corrupt`.
 */
async function openServer(home: string, url: string, clock: Clock, ids: Ids): Promise<HubDatabase> {
  const postgres = await import("@muster/store/postgres");
  const server = postgres.describeServer(url);
  // No cause: it would hold the URL.
  if (server === undefined)
    throw new MusterError("validation_failed", `${SETTING} is no URL such as postgresql://user@host:5432/database.`);
  refuseFile(home);
  try {
    const store = await postgres.openPostgresStore({ connectionString: url }, PREPARER);
    try {
      const { generation } = await store.migrate(HUB_MIGRATIONS, {
        appliedAt: isoTime(clock.now()),
        generation: ids.next(),
      });
      note(home, server, ids);
      return { store, generation, server };
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    throw error instanceof StoreError ? await databaseError(error, server) : error;
  }
}

/** A failure of the server as what a person has to mend. */
export async function databaseError(error: StoreError, server: string): Promise<MusterError> {
  const { serverRefusalOf } = await import("@muster/store/postgres");
  const refusal = serverRefusalOf(error);
  const make = (code: ErrorCode, what: string): MusterError =>
    new MusterError(code, `${what}: ${error.message}.`, { server }, { cause: error });
  if (refusal !== undefined) return make(...REFUSALS[refusal](server));
  if (error.code === "schema_mismatch")
    return new MusterError("schema_mismatch", error.message, { server }, { cause: error });
  if (error.code === "corrupt") return make("database_corrupt", `The database ${server} is damaged`);
  return make("internal_error", `The database ${server} cannot be opened`);
}

type Refused = (server: string) => [ErrorCode, string];

const REFUSALS: Readonly<Record<ServerRefusal, Refused>> = {
  unreachable: (server) => ["database_unreachable", `The database server of ${server} cannot be reached`],
  login: (server) => ["database_denied", `The server of ${server} refuses the user or the password`],
  database: (server) => ["database_denied", `The server has no database for ${server}; create it with \`createdb\``],
  denied: (server) => ["database_denied", `The user lacks a right on ${server}; let it own the database`],
  unsupported: (server) => ["database_unsuitable", `The server of ${server} cannot hold a hub`],
  unsafe: (server) => ["database_unsuitable", `The server of ${server} would lose what was answered`],
  standby: (server) => ["database_unsuitable", `The server of ${server} is not the primary`],
};

function refuseFile(home: string): void {
  const path = join(home, DATABASE_FILE);
  if (!existsSync(path) || statSync(path).size === 0) return;
  throw new MusterError(
    "database_mismatch",
    `The hub with the home ${home} keeps its data in ${path}: start it without ${SETTING}. For a hub on PostgreSQL, give --home another folder.`,
    { home, path },
  );
}

function notedServer(home: string): string | null {
  try {
    const { server } = JSON.parse(readFileSync(join(home, NOTE_FILE), "utf8")) as { server?: unknown };
    return typeof server === "string" ? server : null;
  } catch {
    return null;
  }
}

/** Whole or not at all. A server may move, so the last one counts. */
function note(home: string, server: string, ids: Ids): void {
  if (notedServer(home) === server) return;
  const path = join(home, NOTE_FILE);
  const temporary = `${path}.${ids.next()}`;
  try {
    writeFileSync(temporary, `${JSON.stringify({ server })}\n`, { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    throw new MusterError("home_unwritable", `${path} cannot be written.`, { path }, { cause: error });
  }
}
