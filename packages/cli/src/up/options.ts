// What `up` is told by options and environment, checked before anything is touched.
import { realpathSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { ARCHIVED_KEPT_DAYS_DEFAULT, ArchivedKeptDays, MusterError } from "@muster/contracts";
import { InvalidArgumentError } from "commander";
import { refusal } from "../errors.ts";
import type { Shell } from "../shell.ts";

const PORT_DEFAULT = 7600;
const PORT_MAX = 65_535;

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= PORT_MAX)) throw new InvalidArgumentError("A port is a number from 0 to 65535; 0 means any free one.");
  return port;
}

/** `--port`, else MUSTER_PORT, else 7600. */
export function choosePort(shell: Shell, given: number | undefined): number {
  if (given !== undefined) return given;
  const text = shell.env["MUSTER_PORT"];
  if (text === undefined || text === "") return PORT_DEFAULT;
  try {
    return parsePort(text);
  } catch {
    throw new MusterError("validation_failed", `MUSTER_PORT is "${text}", but a port is a number from 0 to 65535.`);
  }
}

const DATABASE_URL = "MUSTER_DATABASE_URL";

/**
 * `--database`, else MUSTER_DATABASE_URL, else null: a file in the home. A password among the arguments is refused, because
 * every user of the machine sees them in the list of processes. No message repeats the URL.
 */
export function chooseDatabase(shell: Shell, given: string | undefined): string | null {
  const url = given ?? (shell.env[DATABASE_URL] || null);
  if (given !== undefined && holdsPassword(given))
    throw new MusterError(
      "validation_failed",
      `A password in --database can be seen by everyone on this machine: put the whole URL into ${DATABASE_URL}, or the password into PGPASSWORD or ~/.pgpass.`,
    );
  return url;
}

const holdsPassword = (url: string): boolean => /^[^/]*\/\/[^/@]*:[^@]*@/.test(url) || /[?&]password=/i.test(url);

/** A number of days, or `off` for null. */
export function parseDays(text: string): number | null {
  if (text === "off" || text === "0") return null;
  const days = ArchivedKeptDays.safeParse(/^\d{1,6}$/.test(text) ? Number(text) : text);
  if (!days.success) throw new InvalidArgumentError("It is a number of days from 1 to 36500, or off.");
  return days.data;
}

/** `--keep-archived-days`, else MUSTER_KEEP_ARCHIVED_DAYS, else 30. */
export function chooseKeptDays(shell: Shell, given: number | null | undefined): number | null {
  if (given !== undefined) return given;
  const text = shell.env["MUSTER_KEEP_ARCHIVED_DAYS"];
  if (text === undefined || text === "") return ARCHIVED_KEPT_DAYS_DEFAULT;
  try {
    return parseDays(text);
  } catch {
    throw new MusterError(
      "validation_failed",
      `MUSTER_KEEP_ARCHIVED_DAYS is "${text}", but it is a number of days from 1 to 36500, or off.`,
    );
  }
}

/** More would be no lease: a year. */
const SLOT_LEASE_MINUTES_MAX = 525_600;

/** A number of minutes, as milliseconds. */
export function parseMinutes(text: string): number {
  const minutes = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (minutes < 1 || minutes > SLOT_LEASE_MINUTES_MAX)
    throw new InvalidArgumentError(`It is a number of minutes from 1 to ${SLOT_LEASE_MINUTES_MAX}.`);
  return minutes * 60_000;
}

/** `--slot-lease-minutes`, else MUSTER_SLOT_LEASE_MINUTES; undefined: the hub's own time. */
export function chooseSlotLeaseMs(shell: Shell, given: number | undefined): number | undefined {
  const text = shell.env["MUSTER_SLOT_LEASE_MINUTES"];
  if (given !== undefined || text === undefined || text === "") return given;
  try {
    return parseMinutes(text);
  } catch {
    throw new MusterError(
      "validation_failed",
      `MUSTER_SLOT_LEASE_MINUTES is "${text}", but it is a number of minutes from 1 to ${SLOT_LEASE_MINUTES_MAX}.`,
    );
  }
}

export interface PlaceOptions {
  readonly host: string;
  readonly trustNetwork?: boolean;
  readonly publicUrl?: string;
}

/** Where the hub listens, and how others name it. */
export interface HubPlace {
  readonly host: string;
  readonly trustNetwork: boolean;
  /** Null: what it listens on. */
  readonly publicUrl: string | null;
}

/** Whoever reaches the hub with a token can run commands here, so plain HTTP leaves this machine only where that is said. */
export function choosePlace(options: PlaceOptions): HubPlace {
  const trustNetwork = options.trustNetwork === true;
  const host = checkHost(options.host, trustNetwork);
  const publicUrl = options.publicUrl === undefined ? null : checkPublicUrl(options.publicUrl, trustNetwork);
  return { host, trustNetwork, publicUrl };
}

const isLoopback = (bare: string): boolean =>
  bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));

function checkHost(host: string, trustNetwork: boolean): string {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (isLoopback(bare)) return bare;
  if (isIP(bare) === 0 || bare.includes("%"))
    throw refusal(
      "validation_failed",
      `"${host}" is no address to listen on.`,
      "Give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them; a name is told with --public-url.",
    );
  if (trustNetwork) return bare;
  throw refusal(
    "validation_failed",
    `${host} can be reached from the network, and the hub speaks plain HTTP: whoever listens there could read tokens, and run commands here with them.`,
    "Put a proxy with TLS in front of it on this machine and name it with --public-url https://…; or say with --trust-network that nobody listens there.",
  );
}

/** Scheme, name and port of where a proxy, or whoever else, hands requests on to the hub. */
function checkPublicUrl(text: string, trustNetwork: boolean): string {
  const url = URL.parse(text);
  const isPlain = url?.protocol === "http:";
  if (url === null || !(isPlain || url.protocol === "https:"))
    throw refusal("validation_failed", `"${text}" is no public URL.`, "Give one like https://muster.example.org.");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "")
    throw refusal(
      "validation_failed",
      "A public URL is a scheme, a name and a port, and nothing else.",
      `The hub needs a name of its own: give it as ${url.origin}, and let the proxy hand on all paths.`,
    );
  if (isPlain && !trustNetwork && !isLoopback(url.hostname.replace(/^\[(.*)\]$/, "$1")))
    throw refusal(
      "validation_failed",
      `${url.origin} is plain HTTP: whoever listens on the way could read tokens.`,
      "Give the https:// address of a proxy with TLS, or say with --trust-network that nobody listens there.",
    );
  return url.origin;
}

/** The folders below which projects may lie; the user's own folder when none is given. Links are resolved. */
export function workspaceRoots(shell: Shell, given: readonly string[]): string[] {
  const roots = given.length > 0 ? given : [shell.userFolder];
  return roots.map((root) => {
    const absolute = resolve(shell.currentFolder, root);
    try {
      return realpathSync(absolute);
    } catch {
      throw new MusterError("workspace_unavailable", `The workspace root ${absolute} is not there or cannot be read.`);
    }
  });
}
