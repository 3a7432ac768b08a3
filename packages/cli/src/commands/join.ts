// join, daemon up: a machine becomes part of somebody else's hub, and is so again later.
import { hostname, userInfo } from "node:os";
import { DISPLAY_NAME_MAX_CHARACTERS, DisplayName } from "@muster/contracts";
import { type Command, Option } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import { mustBeJoined, refuseHubHome, refuseJoined } from "../join/joined.ts";
import { parseJoinLink } from "../join/link.ts";
import { workspaceRoots } from "../up/options.ts";
import { VERSION } from "../version.ts";

interface DaemonOptions {
  readonly workspaceRoot: readonly string[];
  readonly logLevel?: string;
}

interface JoinOptions extends DaemonOptions {
  readonly name?: string;
}

export function addJoinCommands({ program, context }: Registry): void {
  const join = program
    .command("join")
    .description("make this machine part of the hub of an invite, and start its daemon")
    .argument("<link>", "the link that `muster invite` printed, in quotes")
    .option("--name <name>", "what others there see you as (your user name and this machine's name)");
  withDaemonOptions(join, "your own folder")
    .addHelpText(
      "after",
      `${examples('join "https://muster.example.org/join#token=…"', 'join "http://192.168.1.7:7600/join#token=…" --name Ada --workspace-root ~/src')}\n\nThe link works once. It runs until Ctrl-C; \`muster daemon up\` starts it again.`,
    )
    .action((link: string, options: JoinOptions, command: Command) => joinHub(context(command), link, options));
  const daemon = program
    .command("daemon")
    .description("this machine's part in a hub that it has joined")
    .addHelpText("after", examples("daemon up"));
  withDaemonOptions(
    daemon.command("up").description("start the daemon of a machine that has joined a hub"),
    "as with join",
  )
    .addHelpText(
      "after",
      `${examples("daemon up", "daemon up --json", "daemon up --home ~/.muster-work")}\n\nA hub that is away is waited for. Exit code: 0 after a signal, 4 when the hub refuses this machine for good.`,
    )
    .action((options: DaemonOptions, command: Command) => daemonUp(context(command), options));
}

const withDaemonOptions = (command: Command, usual: string): Command =>
  command
    .option(
      "--workspace-root <folder>",
      `folder below which projects may lie; may be repeated (${usual})`,
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .addOption(
      new Option("--log-level <level>", "what goes into the log").choices(["debug", "info", "warn", "error", "silent"]),
    );

async function joinHub(context: Context, given: string, options: JoinOptions): Promise<void> {
  const began = performance.now();
  const { shell, paths } = context;
  const link = parseJoinLink(given);
  const displayName = checkName(options.name ?? nameHere());
  const roots = workspaceRoots(shell, options.workspaceRoot);
  refuseJoined(paths);
  refuseHubHome(paths);
  // Only here, so that the other commands need not load the daemon.
  const [{ prepareDaemon }, { redeemInvite }, { serveDaemon }] = await loaded();
  const prepared = await prepareDaemon({ home: paths.daemon, environment: shell.env });
  try {
    const joined = await redeemInvite({
      paths,
      link,
      prepared,
      displayName,
      workspaceRoots: roots,
      version: VERSION,
      now: shell.now(),
    });
    const { logLevel } = options;
    await serveDaemon(context, { prepared, joined, workspaceRoots: roots, version: VERSION, logLevel, began });
  } finally {
    await prepared.close();
  }
}

async function daemonUp(context: Context, options: DaemonOptions): Promise<void> {
  const began = performance.now();
  const { shell, paths } = context;
  const joined = mustBeJoined(paths);
  const given = options.workspaceRoot;
  const roots = workspaceRoots(shell, given.length > 0 ? given : joined.workspaceRoots);
  const [{ prepareDaemon }, , { serveDaemon }] = await loaded();
  const prepared = await prepareDaemon({ home: paths.daemon, environment: shell.env });
  const { logLevel } = options;
  await serveDaemon(context, { prepared, joined, workspaceRoots: roots, version: VERSION, logLevel, began });
}

const loaded = () =>
  Promise.all([import("@muster/daemon"), import("../join/redeem.ts"), import("../join/serve.ts")] as const);

/** Who a person is by the machine's own knowledge: `ada@laptop`. */
function nameHere(): string {
  return `${userHere()}@${hostname()}`.slice(0, DISPLAY_NAME_MAX_CHARACTERS);
}

function userHere(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry, as containers have them.
    return "someone";
  }
}

function checkName(name: string): string {
  const checked = DisplayName.safeParse(name);
  if (checked.success) return checked.data;
  throw refusal(
    "validation_failed",
    `A name has 1 to ${DISPLAY_NAME_MAX_CHARACTERS} characters and is not blank.`,
    "Give another with --name.",
  );
}
