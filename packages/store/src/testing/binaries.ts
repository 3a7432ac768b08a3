// Where PostgreSQL's programs are, and who may run them: `initdb` and `postgres` refuse the superuser.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Debian keeps every major version in a directory of its own. */
const DEBIAN = "/usr/lib/postgresql";

const isServerIn = (directory: string): boolean =>
  ["initdb", "postgres"].every((name) => existsSync(join(directory, name)));

const fromPath = (): string | undefined => {
  try {
    return execFileSync("pg_config", ["--bindir"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
};

/** Directory of the newest server on this machine. */
export const postgresBinaries = (): string => {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((left, right) => Number(right) - Number(left)) : [];
  const candidates = [...versions.map((version) => join(DEBIAN, version, "bin")), fromPath()];
  const found = candidates.find((directory) => directory !== undefined && isServerIn(directory));
  if (found === undefined)
    throw new Error("PostgreSQL is not installed here: install it (on Debian: apt-get install postgresql).");
  return found;
};

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** Whom the server runs as: for root Debian's `postgres`, or `nobody`; undefined for everyone else, who runs it himself. */
export const serverIdentity = (): Identity | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("PostgreSQL does not run as root, and there is no user postgres or nobody.");
};
