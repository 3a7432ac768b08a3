// Whether a server is fit to hold the store, and why one could not be opened: what a person has to mend differs for each.
import { Client, type ClientConfig, DatabaseError } from "pg";
import { type Row, StoreError } from "../port.ts";
import { SERVER_VERSION_MIN } from "./limits.ts";

/**
 * Why a store cannot be opened. `unreachable`: no server answers, or it cannot just now; `login`: it refuses the user or
 * the password; `database`: it has no such database; `denied`: the user lacks a right; `unsupported`: too old, or not
 * UTF-8; `unsafe`: what it has confirmed may be lost when its machine stops; `standby`: it takes no writes.
 */
export type ServerRefusal = "unreachable" | "login" | "database" | "denied" | "unsupported" | "unsafe" | "standby";

class UnfitServer extends StoreError {
  readonly refusal: ServerRefusal;
  constructor(refusal: ServerRefusal, message: string) {
    super("unavailable", message);
    this.refusal = refusal;
  }
}

const INSUFFICIENT_PRIVILEGE = "42501";
const INVALID_CATALOG_NAME = "3D000";
const INVALID_AUTHORIZATION = "28";

/** Of an error from opening or migrating a store; undefined when the server is not to blame. */
export const serverRefusalOf = (error: StoreError): ServerRefusal | undefined => {
  if (error instanceof UnfitServer) return error.refusal;
  const state = error.cause instanceof DatabaseError ? (error.cause.code ?? "") : "";
  if (state === INSUFFICIENT_PRIVILEGE) return "denied";
  if (state === INVALID_CATALOG_NAME) return "database";
  if (state.startsWith(INVALID_AUTHORIZATION)) return "login";
  return error.code === "unavailable" ? "unreachable" : undefined;
};

/** Gives the one row that `assertFit` looks at. */
export const FITNESS = `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS named,
  current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby,
  current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes`;

/** What each setting may cost when it is off. */
const SAFETY = {
  fsync: "a power failure may lose or destroy what it has confirmed",
  full_page_writes: "a power failure in the middle of a write may destroy a page",
} as const;

/** Throws StoreError `unavailable` for a server that may not hold the store. Asked of every connection that writes. */
export const assertFit = (row: Row | undefined): void => {
  if (Number(row?.["version"]) < SERVER_VERSION_MIN)
    throw new UnfitServer("unsupported", `PostgreSQL ${String(row?.["named"])} is too old; use 14 or newer`);
  if (row?.["encoding"] !== "UTF8") {
    const encoding = String(row?.["encoding"]);
    throw new UnfitServer("unsupported", `the database's encoding is ${encoding}; create it with ENCODING 'UTF8'`);
  }
  if (row["standby"] === 1) throw new UnfitServer("standby", "the server is a standby and takes no writes");
  for (const [name, harm] of Object.entries(SAFETY)) {
    if (row[name] !== "on") throw new UnfitServer("unsafe", `the server runs with ${name}=off, so ${harm}`);
  }
};

/**
 * The server and database of a URL, without its user, password and options, as logs and messages may show it; undefined
 * when `pg` cannot read the URL. A socket's directory is shown as libpq takes it.
 */
export const describeServer = (connectionString: string): string | undefined => {
  let client: { readonly host: string; readonly port: number; readonly database?: string | undefined };
  try {
    if (!/^postgres(ql)?:\/\//.test(connectionString)) return undefined;
    client = new Client({ connectionString } satisfies ClientConfig);
  } catch {
    return undefined;
  }
  const { host, port, database = "" } = client;
  if (host.startsWith("/")) return `postgresql:///${database}?host=${host}&port=${port}`;
  return `postgresql://${host.includes(":") ? `[${host}]` : host}:${port}/${database}`;
};
