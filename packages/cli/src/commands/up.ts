// up: the hub, this machine's daemon and the console in one process, until a signal ends it.
import { MusterError } from "@muster/contracts";
import { type Command, Option } from "commander";
import { consoleDirectory } from "../console-directory.ts";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import { refuseJoined } from "../join/joined.ts";
import { facts } from "../output/table.ts";
import { lasting } from "../output/time.ts";
import { aborted, endWith, within } from "../up/ending.ts";
import {
  chooseDatabase,
  chooseKeptDays,
  choosePlace,
  choosePort,
  chooseSlotLeaseMs,
  type PlaceOptions,
  parseDays,
  parseMinutes,
  parsePort,
  workspaceRoots,
} from "../up/options.ts";
import type { Running, UpSettings } from "../up/start.ts";
import { VERSION } from "../version.ts";

interface UpOptions extends PlaceOptions {
  readonly database?: string;
  readonly port?: number;
  readonly workspaceRoot: readonly string[];
  readonly logLevel?: string;
  readonly keepArchivedDays?: number | null;
  /** In milliseconds. */
  readonly slotLeaseMinutes?: number;
}

/** The machine is on the roster long before; later than this the person hears that it is not. */
const CONNECT_LIMIT_MS = 5_000;

const NETWORK_HELP = `Other machines reach the hub through a proxy with TLS on this machine (--public-url https://muster.example.org), or
directly in a network where nobody listens (--host 0.0.0.0 --trust-network): the hub itself speaks plain HTTP.`;

const DATABASE_HELP = `A password belongs into MUSTER_DATABASE_URL, PGPASSWORD or ~/.pgpass, never into --database, which everyone on the
machine can read in the list of processes. Several hubs may share one database, each with a home of its own.`;

export function addUpCommand({ program, context }: Registry): void {
  program
    .command("up")
    .description("start the hub, this machine's daemon and the console")
    .option("--port <number>", "port to listen on, 0 for any free one (MUSTER_PORT, 7600)", parsePort)
    .option("--database <url>", "PostgreSQL to keep the hub's state in (MUSTER_DATABASE_URL, a file in the home)")
    .option("--host <address>", "address to listen on; other than loopback with --trust-network", "127.0.0.1")
    .option("--public-url <url>", "where others reach the hub: the address of a proxy with TLS, for links and logins")
    .option("--trust-network", "nobody listens in this network: let plain HTTP leave this machine")
    .option(
      "--workspace-root <folder>",
      "folder below which projects may lie; may be repeated (your own folder)",
      collect,
      [],
    )
    .option(
      "--keep-archived-days <days>",
      "how long archived threads keep their details, off for ever (MUSTER_KEEP_ARCHIVED_DAYS, 30)",
      parseDays,
    )
    .option(
      "--slot-lease-minutes <minutes>",
      "how long a machine that is away keeps its place and its turns (MUSTER_SLOT_LEASE_MINUTES, 10)",
      parseMinutes,
    )
    .addOption(
      new Option("--log-level <level>", "what goes into the log").choices(["debug", "info", "warn", "error", "silent"]),
    )
    .addHelpText(
      "after",
      `${examples("up", "up --port 0 --json", "up --home /tmp/try --workspace-root ~/src", "up --database postgresql://muster@db.example:5432/muster", "up --public-url https://muster.example.org", "up --host 0.0.0.0 --trust-network")}\n\n${NETWORK_HELP}\n\n${DATABASE_HELP}`,
    )
    .action((options: UpOptions, command: Command) => up(context(command), options));
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

async function up(context: Context, options: UpOptions): Promise<void> {
  const { shell, paths, voice } = context;
  const began = performance.now();
  const slotLeaseMs = chooseSlotLeaseMs(shell, options.slotLeaseMinutes);
  const settings: UpSettings = {
    paths,
    databaseUrl: chooseDatabase(shell, options.database),
    place: choosePlace(options),
    port: choosePort(shell, options.port),
    workspaceRoots: workspaceRoots(shell, options.workspaceRoot),
    version: VERSION,
    consoleDirectory: consoleDirectory(),
    keepArchivedDays: chooseKeptDays(shell, options.keepArchivedDays),
    ...(slotLeaseMs === undefined ? {} : { slotLeaseMs }),
    ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    pid: process.pid,
    environment: shell.env,
  };
  refuseJoined(paths);
  const signal = shell.interrupted();
  // Only here, so that the other commands need not load hub and daemon.
  const { startEverything } = await import("../up/start.ts");
  const running = await startEverything(settings);
  try {
    // Without its own machine, as where that was revoked, a hub still serves the others, and who can mend it.
    const heard = running.connected.then(
      () => "connected" as const,
      () => "refused" as const,
    );
    await within(CONNECT_LIMIT_MS, heard, signal);
    if (!signal.aborted) {
      if ((await Promise.race([heard, "waiting"])) === "waiting") voice.warn(notConnected());
      const { url, loginUrl, tokenFile } = running;
      voice.answer({
        json: { ready: true, url, loginUrl, tokenFile, home: paths.home, pid: settings.pid },
        text: welcome(context, running, settings, performance.now() - began),
        quiet: [url],
      });
      void running.refused.then((error) => voice.warn(withoutMachine(error)));
      await aborted(signal);
    }
  } finally {
    voice.note("\nStopping …");
    await endWith(shell, () => running.close());
  }
}

const notConnected = (): MusterError =>
  refusal(
    "node_offline",
    "The hub serves, but this machine's daemon has not connected to it yet.",
    "It goes on trying; `muster doctor` says how it stands.",
  );

/** The hub's own machine was refused, as where an owner revoked it; the other machines may still work. */
const withoutMachine = ({ code, message, details }: MusterError): MusterError =>
  new MusterError(code, `The hub serves, but without this machine: it does not take its daemon. ${message}`, details);

function welcome({ paint, muster, paths }: Context, running: Running, settings: UpSettings, tookMs: number): string {
  const console =
    settings.consoleDirectory === null
      ? `${running.url} ${paint("yellow", "(the console is not built)")}`
      : running.url;
  const places = facts(
    [
      ["Console", paint("bold", console)],
      [
        "Log in",
        `${paint("cyan", running.loginUrl)}\n${" ".repeat(9)}${paint("dim", "works once; another: ")}${muster} login`,
      ],
      ["Home", paths.home],
    ],
    paint,
  );
  const next = [
    [`${muster} project add <folder>`, "make a folder a project"],
    [`${muster} thread new`, "open a thread with an agent"],
    [`${muster} turn start "…" --follow`, "ask it to work, and watch"],
  ] as const;
  const width = Math.max(...next.map(([command]) => command.length)) + 2;
  const steps = next.map(([command, what]) => `  ${command.padEnd(width)}${paint("dim", what)}\n`).join("");
  return `\n${paint("green", "✓")} Muster ${settings.version} is ready after ${lasting(tookMs)}\n\n${places}\nNext, in another terminal:\n${steps}\n${paint("dim", "Ctrl-C ends it.")}\n`;
}
