// What `up` is told by options and environment, checked before anything is touched.
import { realpathSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { ARCHIVED_KEPT_DAYS_DEFAULT, ArchivedKeptDays, MusterError } from "@muster/contracts";
import { InvalidArgumentError } from "commander";
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

/** Only this machine may reach the hub: whoever reaches it can run commands here. */
export function checkHost(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const isLoopback = bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
  if (isLoopback) return bare;
  throw new MusterError(
    "validation_failed",
    `"${host}" is no loopback address: Muster listens on this machine only, on 127.0.0.1, ::1 or localhost.`,
  );
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
