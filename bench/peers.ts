// The event stores of others that stand beside the dispatcher, with exact versions. They are installed on demand into a
// cache folder of the person's own, never into this repository: one of them compiles a native add-on, which takes
// minutes the first time. Without a network the benchmark says so and goes on without them. Each run is a process of
// its own (emmett.mjs), whose job is described there.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Database, DatabaseName } from "./databases.ts";
import type { CapturedCommand, LoopResult } from "./replay-loop.ts";

/** An event as a peer appends it: our payload, and what else our row says of it. */
export interface PeerEvent {
  readonly type: string;
  readonly data: object;
  readonly metadata: object;
}

/** The events of one command, all of one stream. */
export interface PeerAppend {
  readonly stream: string;
  readonly events: readonly PeerEvent[];
}

export interface Peer {
  readonly name: string;
  /** Appends the events of each client's commands, all clients at once, for about so many seconds, into a new store. */
  append(clients: readonly (readonly CapturedCommand[])[], seconds: number): Promise<LoopResult>;
}

interface PeerPackage {
  readonly name: string;
  readonly version: string;
  readonly installs: string;
  /** Ways to use it, each measured. */
  readonly ways: readonly { readonly way: string; readonly label: string }[];
}

const PACKAGES: Readonly<Record<DatabaseName, PeerPackage>> = {
  SQLite: {
    name: "@event-driven-io/emmett-sqlite",
    version: "0.38.5",
    installs: "about 72 MB; compiles a native add-on",
    ways: [
      { way: "sqlite", label: "emmett-sqlite, one append at a time" },
      { way: "sqlite-grouped", label: "emmett-sqlite, grouped by its caller" },
    ],
  },
  PostgreSQL: {
    name: "@event-driven-io/emmett-postgresql",
    version: "0.42.0",
    installs: "about 17 MB",
    ways: [{ way: "postgres", label: "emmett-postgresql" }],
  },
};

const cacheFolder = (): string =>
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "muster-bench", "peers");

/** The folder that holds it. Installs beside it first, so that an install that broke off is never taken for one. */
function install({ name, version, installs }: PeerPackage, say: (line: string) => void): string {
  const folder = join(cacheFolder(), `${name.split("/").at(-1)}-${version}-node-${process.versions.modules}`);
  if (existsSync(folder)) return folder;
  say(`installing ${name} ${version} into ${folder} (${installs}) …`);
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  writeFileSync(join(partial, "package.json"), JSON.stringify({ private: true }));
  const args = ["install", "--prefix", partial, "--no-audit", "--no-fund", "--save-exact", `${name}@${version}`];
  execFileSync("npm", args, { cwd: partial, stdio: ["ignore", "ignore", "pipe"] });
  renameSync(partial, folder);
  return folder;
}

const COLUMNS_OF_EVENTS = "orchestration_events";

/** What a captured command appended to the log. */
export function eventsOf(command: CapturedCommand): readonly { readonly stream: string; readonly event: PeerEvent }[] {
  return command.inserts
    .filter(({ table }) => table === COLUMNS_OF_EVENTS)
    .flatMap(({ columns, rows }) => {
      const names = columns.replaceAll('"', "").split(/, ?/);
      return rows.map((row) => {
        const { payload_json, metadata_json, event_type, aggregate_kind, stream_id, ...rest } = Object.fromEntries(
          names.map((name, index) => [name, row[index]]),
        );
        const { sequence: _sequence, stream_version: _version, space_id: _space, ...about } = rest;
        return {
          stream: `${aggregate_kind}-${stream_id}`,
          event: {
            type: String(event_type),
            data: JSON.parse(String(payload_json)),
            metadata: { ...about, ...JSON.parse(String(metadata_json)) },
          },
        };
      });
    });
}

const appendsOf = (commands: readonly CapturedCommand[]): PeerAppend[] =>
  commands.map((command) => {
    const events = eventsOf(command);
    return { stream: events[0]?.stream ?? "", events: events.map(({ event }) => event) };
  });

const PEER_TRIES_MAX = 3;

async function run(job: object, folder: string): Promise<LoopResult> {
  const script = fileURLToPath(new URL("./emmett.mjs", import.meta.url));
  const directory = mkdtempSync(join(tmpdir(), "muster-bench-"));
  try {
    writeFileSync(join(directory, "job.json"), JSON.stringify({ ...job, folder, directory }));
    const child = spawn(process.execPath, [script, join(directory, "job.json")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
    if (code !== 0) throw new Error(`the peer ended with ${code}: ${output.slice(-2_000)}`);
    return JSON.parse(output.trim().split("\n").at(-1) ?? "");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The peers for this database; none, with a word about it, where they cannot be installed. */
export async function openPeers(database: Database, say: (line: string) => void): Promise<Peer[]> {
  const peer = PACKAGES[database.name];
  let folder: string;
  try {
    folder = install(peer, say);
  } catch (error) {
    say(`${peer.name} is left out, because it cannot be installed: ${String(error).slice(0, 2_000)}`);
    return [];
  }
  return peer.ways.map(({ way, label }) => ({
    name: label,
    append: (clients, seconds) =>
      runAgain({ way, seconds, address: database.address, clients: clients.map(appendsOf) }, folder, say),
  }));
}

/** emmett-sqlite now and then refuses its own COMMIT with SQLITE_BUSY, which must not cost the whole benchmark. */
async function runAgain(job: object, folder: string, say: (line: string) => void): Promise<LoopResult> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run(job, folder);
    } catch (error) {
      if (tries === PEER_TRIES_MAX) throw error;
      say(`${String(error)} It is run again.`);
    }
  }
}
