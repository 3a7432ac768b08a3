// How fast commands are dispatched in process, with 1 and with 64 clients of one command in flight each, on SQLite and on
// PostgreSQL, every answer after a full sync; beside a bare loop that makes the same writes (replay-loop.ts), and beside
// an event store of others that appends the same events (peers.ts). All take turns several times; medians are told.
//
// The mix stands in dispatch-mix.ts. Its node is away, so effects are written and not handed over; no feed is open.
import { parseArgs } from "node:util";
import { type Database, type DatabaseName, openDatabases } from "./databases.ts";
import { capture, dispatchAll } from "./dispatch-core.ts";
import { COMMANDS_PER_CYCLE } from "./dispatch-mix.ts";
import { eventsOf, openPeers, type Peer } from "./peers.ts";
import { type CapturedCommand, type LoopResult, replay } from "./replay-loop.ts";
import { median } from "./statistics.ts";

const CLIENTS = [1, 64];
const WARM_UP_COMMANDS = 2_000;

interface Middle extends LoopResult {
  readonly rowsPerSecond: number;
}

interface PeerReport {
  readonly name: string;
  readonly commandsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly latencyMs: LoopResult["latencyMs"];
  /** Commands per second of the dispatcher over its appends per second, of the rounds' own. */
  readonly ratio: number;
}

export interface DispatchReport {
  readonly database: DatabaseName;
  readonly clients: number;
  readonly commands: number;
  readonly rowsPerCommand: number;
  readonly eventsPerCommand: number;
  readonly dispatch: Middle;
  readonly loop: Middle;
  /** Rows per second of the dispatcher over those of the bare loop. */
  readonly ratio: number;
  readonly peers: readonly PeerReport[];
}

const middle = (results: readonly LoopResult[]): LoopResult => ({
  commandsPerSecond: median(results.map((result) => result.commandsPerSecond)),
  latencyMs: {
    p50: median(results.map((result) => result.latencyMs.p50)),
    p99: median(results.map((result) => result.latencyMs.p99)),
  },
  commits: median(results.map((result) => result.commits)),
});

const ratioOf = (ours: readonly LoopResult[], others: readonly LoopResult[]): number =>
  median(ours.map((one, round) => one.commandsPerSecond / (others[round]?.commandsPerSecond ?? Number.NaN)));

interface BenchOptions {
  /** About how long one run lasts. */
  readonly seconds: number;
  readonly rounds: number;
}

async function benchOne(
  database: Database,
  clients: number,
  peers: readonly Peer[],
  { seconds, rounds }: BenchOptions,
): Promise<DispatchReport> {
  const cycle = COMMANDS_PER_CYCLE * clients;
  const trial = await dispatchAll(database, clients, WARM_UP_COMMANDS);
  const commands = Math.ceil((trial.commandsPerSecond * seconds) / cycle) * cycle;
  const captured = await capture(database, clients, commands);
  const sumOf = (count: (command: CapturedCommand) => number): number =>
    captured.flat().reduce((sum, command) => sum + count(command), 0);
  const rowsPerCommand = sumOf((command) => command.rowCount) / commands;
  const eventsPerCommand = sumOf((command) => eventsOf(command).length) / commands;
  const dispatched: LoopResult[] = [];
  const looped: LoopResult[] = [];
  const appended = peers.map((): LoopResult[] => []);
  for (let round = 0; round < rounds; round += 1) {
    dispatched.push(await dispatchAll(database, clients, commands));
    looped.push(await replay(database, captured));
    for (const [index, peer] of peers.entries()) appended[index]?.push(await peer.append(captured, seconds));
  }
  const withRows = (result: LoopResult): Middle => ({
    ...result,
    rowsPerSecond: result.commandsPerSecond * rowsPerCommand,
  });
  return {
    database: database.name,
    clients,
    commands,
    rowsPerCommand,
    eventsPerCommand,
    dispatch: withRows(middle(dispatched)),
    loop: withRows(middle(looped)),
    ratio: ratioOf(dispatched, looped),
    peers: peers.map(({ name }, index) => {
      const { commandsPerSecond, latencyMs } = middle(appended[index] ?? []);
      const eventsPerSecond = commandsPerSecond * eventsPerCommand;
      return { name, commandsPerSecond, eventsPerSecond, latencyMs, ratio: ratioOf(dispatched, appended[index] ?? []) };
    }),
  };
}

function print(reports: readonly DispatchReport[]): void {
  const row = (report: DispatchReport, what: string, one: LoopResult, ratio: number | "") => ({
    database: report.database,
    clients: report.clients,
    what,
    "commands/s": Math.round(one.commandsPerSecond),
    "events/s": Math.round(one.commandsPerSecond * report.eventsPerCommand),
    "rows/s": "rowsPerSecond" in one ? Math.round(Number(one.rowsPerSecond)) : "",
    "p50 ms": Number(one.latencyMs.p50.toFixed(2)),
    "p99 ms": Number(one.latencyMs.p99.toFixed(2)),
    "commands/commit": one.commits > 0 ? Number((report.commands / one.commits).toFixed(1)) : "",
    "dispatch is times": typeof ratio === "number" ? Number(ratio.toFixed(2)) : ratio,
  });
  console.table(
    reports.flatMap((one) => [
      row(one, "dispatch", one.dispatch, ""),
      row(one, "bare loop", one.loop, one.ratio),
      ...one.peers.map((peer) => row(one, peer.name, { ...peer, commits: 0 }, peer.ratio)),
    ]),
  );
}

const DATABASE_NAMES: Readonly<Record<string, DatabaseName>> = { sqlite: "SQLite", postgres: "PostgreSQL" };

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean" },
      seconds: { type: "string" },
      rounds: { type: "string" },
      clients: { type: "string" },
      database: { type: "string" },
      peers: { type: "boolean", default: true },
    },
    allowNegative: true,
  });
  const say = (line: string): void => console.error(line);
  const wanted = values.database === undefined ? undefined : DATABASE_NAMES[values.database];
  const databases = await openDatabases(say, wanted === undefined ? undefined : [wanted]);
  const options = { seconds: Number(values.seconds ?? 3), rounds: Number(values.rounds ?? 5) };
  const reports: DispatchReport[] = [];
  try {
    for (const database of databases) {
      const peers = values.peers ? await openPeers(database, say) : [];
      for (const clients of values.clients === undefined ? CLIENTS : [Number(values.clients)])
        reports.push(await benchOne(database, clients, peers, options));
    }
  } finally {
    for (const database of databases) await database.stop();
  }
  if (values.json === true) console.log(JSON.stringify(reports));
  else print(reports);
}

if (import.meta.main) await main(process.argv.slice(2));
