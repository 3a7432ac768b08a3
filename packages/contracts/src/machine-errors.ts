// Rows of the error table about the machine that a hub, a daemon or the command line runs on: homes, databases, ports.
import { type ErrorRow, row } from "./error-row.ts";

export const MACHINE_ERRORS = {
  port_in_use: row(
    409,
    false,
    4,
    "The port is taken by another program.",
    "Stop that program, or choose another port with --port (0 means any free one).",
  ),
  home_unwritable: row(
    409,
    false,
    4,
    "The home folder cannot be written.",
    "Give --home a folder you may write, or mend its permissions.",
  ),
  already_running: row(
    409,
    false,
    1,
    "Muster already runs with this home.",
    "Use the one that runs, stop it, or give --home another folder.",
  ),
  already_joined: row(
    409,
    false,
    3,
    "This home belongs to a machine that has joined a hub.",
    "Start it with `muster daemon up`, or give --home another folder.",
  ),
  not_joined: row(
    409,
    false,
    3,
    "This home has not joined a hub.",
    "Join one with `muster join <link>`, or start a hub here with `muster up`.",
  ),
  database_corrupt: row(
    409,
    false,
    4,
    "The database did not pass its integrity check, so nothing was started.",
    "Restore a backup, or move the file away to start anew.",
  ),
  schema_mismatch: row(
    409,
    false,
    4,
    "The database was written by another version of Muster.",
    "Start the version that wrote it, or restore a backup.",
  ),
  database_unreachable: row(
    503,
    true,
    6,
    "The database server cannot be reached.",
    "Start it, or correct MUSTER_DATABASE_URL.",
  ),
  database_denied: row(
    409,
    false,
    4,
    "The database server refuses the login, the database or a right.",
    "Correct the user, the password or the database in MUSTER_DATABASE_URL; the user must own the database.",
  ),
  database_unsuitable: row(
    409,
    false,
    4,
    "The database server would not keep what it has confirmed, or lacks what the hub needs.",
    "Use a primary of PostgreSQL 14 or newer with UTF-8, fsync=on and full_page_writes=on.",
  ),
  database_mismatch: row(
    409,
    false,
    4,
    "This home's data is in another database.",
    "Name that database, or give --home another folder.",
  ),
  hub_unreachable: row(
    503,
    true,
    6,
    "No hub answers at that address.",
    "Start it with `npm start`, or name another with --url.",
  ),
} as const satisfies Record<string, ErrorRow>;
