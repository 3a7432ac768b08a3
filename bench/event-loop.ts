// How long the hub's event loop stands still while 64 clients write and 20 readers open windows of about 1 MiB, on the
// disk as it is and on one whose every sync takes 10 ms more (strace delays the system call; without it that part is
// left out); on PostgreSQL with its own disk only. The hub runs in a process of its own, event-loop-hub.ts.
import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import type { DatabaseName } from "./databases.ts";
import type { LoopRun } from "./event-loop-hub.ts";
import { median } from "./statistics.ts";

const WRITERS = 64;
const READERS = 20;
const SYNC_DELAY_US = 10_000;
const TARGET_P99_MS = 20;

interface Place {
  readonly database: DatabaseName;
  readonly disk: "as it is" | "syncs take 10 ms more";
}

export interface EventLoopReport extends LoopRun, Place {
  readonly writers: number;
  readonly readers: number;
}

const PLACES: readonly Place[] = [
  { database: "SQLite", disk: "as it is" },
  { database: "SQLite", disk: "syncs take 10 ms more" },
  { database: "PostgreSQL", disk: "as it is" },
];
const HUB = fileURLToPath(new URL("./event-loop-hub.ts", import.meta.url));
/** Only syncs stop for the tracer; everything else runs at full speed. */
const SLOW_SYNCS = [
  ...["-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"],
  ...["-e", `inject=fsync,fdatasync:delay_exit=${SYNC_DELAY_US}`],
];

async function runHub({ database, disk }: Place, seconds: number, readers: number): Promise<LoopRun> {
  const args = [HUB, String(seconds), String(WRITERS), String(readers), database];
  const [file, given] =
    disk !== "as it is" ? ["strace", [...SLOW_SYNCS, process.execPath, ...args]] : [process.execPath, args];
  const { stdout } = await promisify(execFile)(file, given);
  return JSON.parse(stdout);
}

const middle = (runs: readonly LoopRun[]): LoopRun => {
  const of = (value: (run: LoopRun) => number): number => median(runs.map(value));
  return {
    delayMs: {
      p50: of((run) => run.delayMs.p50),
      p99: of((run) => run.delayMs.p99),
      max: of((run) => run.delayMs.max),
    },
    commandsPerSecond: of((run) => run.commandsPerSecond),
    commandMs: { p50: of((run) => run.commandMs.p50), p99: of((run) => run.commandMs.p99) },
    windowsPerSecond: of((run) => run.windowsPerSecond),
    windowMs: { p50: of((run) => run.windowMs.p50), p99: of((run) => run.windowMs.p99) },
    windowBytes: of((run) => run.windowBytes),
    residentMiB: of((run) => run.residentMiB),
  };
};

/** Whether this machine can trace a process at all. */
const canTrace = (): boolean => spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0;

/** @param options.seconds how long one run is measured */
export async function benchEventLoop(options: { seconds: number; rounds: number }): Promise<EventLoopReport[]> {
  const reports: EventLoopReport[] = [];
  for (const place of PLACES.filter(({ disk }) => disk === "as it is" || canTrace())) {
    for (const readers of [0, READERS]) {
      const runs: LoopRun[] = [];
      for (let round = 0; round < options.rounds; round += 1) runs.push(await runHub(place, options.seconds, readers));
      reports.push({ ...place, writers: WRITERS, readers, ...middle(runs) });
    }
  }
  return reports;
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { json: { type: "boolean" }, seconds: { type: "string" }, rounds: { type: "string" } },
  });
  const reports = await benchEventLoop({ seconds: Number(values.seconds ?? 5), rounds: Number(values.rounds ?? 3) });
  if (values.json === true) {
    console.log(JSON.stringify(reports));
    return;
  }
  const rounded = (value: number): number => Number(value.toFixed(1));
  console.table(
    reports.map((one) => ({
      database: one.database,
      disk: one.disk,
      writers: one.writers,
      readers: one.readers,
      "delay p50 ms": rounded(one.delayMs.p50),
      "p99 ms": rounded(one.delayMs.p99),
      "max ms": rounded(one.delayMs.max),
      "commands/s": Math.round(one.commandsPerSecond),
      "command p99 ms": rounded(one.commandMs.p99),
      "windows/s": Math.round(one.windowsPerSecond),
      "window p99 ms": rounded(one.windowMs.p99),
      "window KiB": Math.round(one.windowBytes / 1024),
      "resident MiB": Math.round(one.residentMiB),
    })),
  );
  console.log(`Asked for: p99 of at most ${TARGET_P99_MS} ms.`);
  if (reports.every(({ disk }) => disk === "as it is"))
    console.log("The slow disk was left out: strace is missing or may not trace here (`apt-get install strace`).");
}

if (import.meta.main) await main(process.argv.slice(2));
