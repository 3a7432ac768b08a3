// doctor: everything that must be right for Muster to work here, each with what to do where it is not.
import { MusterError } from "@muster/contracts";
import type { Command } from "commander";
import { asCalled } from "../called.ts";
import { type Context, examples, type Registry } from "../context.ts";
import { checkHub, checkNodes, checkOwnNode } from "../doctor/fleet.ts";
import {
  type Check,
  checkConsole,
  checkDatabase,
  checkGit,
  checkHome,
  checkNode,
  checkPort,
} from "../doctor/machine.ts";
import { hintOf } from "../errors.ts";
import { type HomePaths, isAlive, readEndpoint, runningDaemon } from "../home.ts";
import { connect } from "../hub.ts";
import { type JoinedHub, readJoined } from "../join/joined.ts";
import { oneLine } from "../output/text.ts";
import type { Paint } from "../shell.ts";
import { chooseDatabase, choosePort, parsePort } from "../up/options.ts";

/** Exit code of the table for a machine that needs a person. */
const NEEDS_A_PERSON = 4;

export function addDoctorCommand({ program, context }: Registry): void {
  program
    .command("doctor")
    .description("check this machine and say what to mend")
    .option("--port <number>", "the port that `up` would take", parsePort)
    .addHelpText(
      "after",
      `${examples("doctor", "doctor --json")}\n\nExit code: 0 when nothing failed, else ${NEEDS_A_PERSON}.`,
    )
    .action((options: { port?: number }, command: Command) => runDoctor(context(command), options.port));
}

async function runDoctor(context: Context, givenPort: number | undefined): Promise<void> {
  const { paint, paths, voice, muster } = context;
  const { joined, unreadable } = joinedHere(paths);
  const found: Check[] = [
    checkNode(process.versions.node),
    await checkGit(),
    checkHome(paths.home),
    ...(unreadable ?? (await checkPlace(context, { joined, givenPort }))),
  ];
  const checks = found.map((check) =>
    check.advice === undefined ? check : { ...check, advice: asCalled(check.advice, muster) },
  );
  const failures = checks.filter(({ state }) => state === "fail");
  const isFine = failures.length === 0;
  voice.answer({
    json: { ok: isFine, checks },
    text: checks.map((check) => checkText(check, paint)).join(""),
    quiet: failures.map(({ name }) => name),
  });
  if (!isFine) context.exitWith(NEEDS_A_PERSON);
}

/** A note that cannot be read is one thing to mend among others. */
function joinedHere(paths: HomePaths): { joined: JoinedHub | null; unreadable?: Check[] } {
  try {
    return { joined: readJoined(paths) };
  } catch (error) {
    if (!(error instanceof MusterError)) throw error;
    return {
      joined: null,
      unreadable: [{ name: "joined", state: "fail", message: error.message, advice: hintOf(error) }],
    };
  }
}

interface DoctorsPlace {
  readonly joined: JoinedHub | null;
  readonly givenPort: number | undefined;
}

/** What a hub, or a machine that has joined one, needs. */
async function checkPlace(context: Context, { joined, givenPort }: DoctorsPlace): Promise<Check[]> {
  const here = joined === null ? await checkHubHome(context, givenPort) : checkJoinedHome(context, joined);
  return [...here, ...(await checkFleet(context, joined))];
}

/** What the hub of this home needs. */
async function checkHubHome({ paths, shell }: Context, givenPort: number | undefined): Promise<Check[]> {
  const endpoint = readEndpoint(paths);
  const running = endpoint !== null && isAlive(endpoint.pid) ? endpoint : null;
  return Promise.all([
    checkDatabase(chooseDatabase(shell, undefined)),
    checkPort(choosePort(shell, givenPort), running),
    checkConsole(),
  ]);
}

function checkJoinedHome({ paths }: Context, { hubUrl, sessionTitle }: JoinedHub): Check[] {
  const pid = runningDaemon(paths);
  return [
    { name: "joined", state: "ok", message: `this machine has joined "${oneLine(sessionTitle)}" at ${hubUrl}` },
    pid === null
      ? {
          name: "daemon",
          state: "fail",
          message: "this machine's daemon does not run",
          advice: "Start it with `muster daemon up`.",
        }
      : { name: "daemon", state: "ok", message: `this machine's daemon runs, process ${pid}` },
  ];
}

async function checkFleet(context: Context, joined: JoinedHub | null): Promise<Check[]> {
  try {
    const hub = connect(context);
    const { checks, isServing } = await checkHub(hub);
    if (!isServing) return checks;
    return [...checks, ...(await (joined === null ? checkNodes(hub) : checkOwnNode(hub, joined)))];
  } catch (error) {
    if (!(error instanceof MusterError)) throw error;
    // No hub is no fault: it may just not be started yet.
    return [{ name: "hub", state: "warn", message: error.message, advice: hintOf(error) }];
  }
}

const MARKS = { ok: ["green", "✓"], warn: ["yellow", "!"], fail: ["red", "✗"] } as const;

function checkText({ state, message, advice }: Check, paint: Paint): string {
  const [format, mark] = MARKS[state];
  const line = `${paint(format, mark)} ${state.padEnd(4)}  ${message}\n`;
  return advice === undefined ? line : `${line}        ${paint("dim", advice)}\n`;
}
