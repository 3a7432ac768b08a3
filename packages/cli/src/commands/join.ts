// join, daemon up: a machine becomes part of somebody else's hub, and is so again later.
import { hostname, userInfo } from "node:os";
import { DISPLAY_NAME_MAX_CHARACTERS, DisplayName, MusterError } from "@muster/contracts";
import { type Command, Option } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import type { HomePaths } from "../home.ts";
import { mustBeJoined, refuseHubHome, refuseJoined } from "../join/joined.ts";
import { isOpenToListeners, parseJoinLink } from "../join/link.ts";
import { workspaceRoots } from "../up/options.ts";
import { VERSION } from "../version.ts";

const LINK_MAX_CHARACTERS = 4_096;

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
    .argument("<link>", 'the link that `muster invite` printed, in quotes; "-" reads it from standard input')
    .option("--name <name>", "what others there see you as (your user name and this machine's name)");
  withDaemonOptions(join, "your own folder")
    .addHelpText(
      "after",
      `${examples('join "https://muster.example.org/join#token=…"', 'join "http://192.168.1.7:7600/join#token=…" --name Ada --workspace-root ~/src', "join - < link.txt")}\n\nThe link works once. Other users of this machine can see it in the list of processes while it joins, and your shell keeps it in its\nhistory: \`muster join -\` takes it from standard input. It runs until Ctrl-C; \`muster daemon up\` starts it again.`,
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
  const { shell, paths, voice } = context;
  const link = parseJoinLink(given === "-" ? await linkFromInput(context) : given);
  const displayName = checkName(options.name ?? nameHere());
  const roots = workspaceRoots(shell, options.workspaceRoot);
  refuseJoined(paths);
  refuseHubHome(paths);
  if (isOpenToListeners(link))
    voice.note(
      `The way to ${link.hubUrl} is not encrypted: whoever can listen there can take over this machine's part, and run commands here.\nJoin over a network that you trust, or by a link that begins with https://.`,
    );
  // Only here, so that the other commands need not load the daemon.
  const [{ prepareDaemon }, { redeemInvite }, { serveDaemon }] = await loaded();
  const prepared = await ofThisHome(paths, prepareDaemon({ home: paths.daemon, environment: shell.env }));
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

/** In a file or from another program: arguments are seen by everyone on the machine. */
async function linkFromInput({ shell }: Context): Promise<string> {
  const text = await shell.readInput(LINK_MAX_CHARACTERS);
  if (text !== null) return text;
  throw refusal("validation_failed", "What is on standard input is too long for a link.", "Give the link alone.");
}

async function daemonUp(context: Context, options: DaemonOptions): Promise<void> {
  const began = performance.now();
  const { shell, paths } = context;
  const joined = mustBeJoined(paths);
  const given = options.workspaceRoot;
  const roots = workspaceRoots(shell, given.length > 0 ? given : joined.workspaceRoots);
  const [{ prepareDaemon }, , { serveDaemon }] = await loaded();
  const prepared = await ofThisHome(paths, prepareDaemon({ home: paths.daemon, environment: shell.env }));
  const { logLevel } = options;
  await serveDaemon(context, { prepared, joined, workspaceRoots: roots, version: VERSION, logLevel, began });
}

/** The daemon knows its own folder alone, a person the home around it. */
async function ofThisHome<Prepared>(paths: HomePaths, preparing: Promise<Prepared>): Promise<Prepared> {
  try {
    return await preparing;
  } catch (error) {
    if (!(error instanceof MusterError) || error.code !== "already_running") throw error;
    const pid = error.details?.["pid"];
    const who = typeof pid === "number" ? `process ${pid}` : "another process";
    const message = `The daemon of ${paths.home} runs already: ${who}.`;
    throw new MusterError(error.code, message, { ...error.details, home: paths.home }, { cause: error });
  }
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
