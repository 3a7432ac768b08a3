// The daemon of a joined machine, in the foreground: ready when the hub has let it in, patient while the hub is away, at an
// end when a signal says so or when the hub refuses this machine for good.
import { MusterError } from "@muster/contracts";
import type { PreparedDaemon } from "@muster/daemon";
import type { Context } from "../context.ts";
import { refusal } from "../errors.ts";
import { shortId } from "../ids.ts";
import { facts } from "../output/table.ts";
import { oneLine } from "../output/text.ts";
import { lasting } from "../output/time.ts";
import { aborted, endWith, within } from "../up/ending.ts";
import type { JoinedHub } from "./joined.ts";

export interface ServeOptions {
  readonly prepared: PreparedDaemon;
  readonly joined: JoinedHub;
  readonly workspaceRoots: readonly string[];
  readonly version: string;
  readonly logLevel: string | undefined;
  /** By `performance.now()`: when the command began. */
  readonly began: number;
}

/** A hub that runs answers long before; later than this the person hears that it does not. */
const CONNECT_LIMIT_MS = 5_000;

/** Returns after a signal. Throws what the hub refuses this machine with. Closes the daemon in any case. */
export async function serveDaemon(context: Context, options: ServeOptions): Promise<void> {
  const { shell, voice } = context;
  const { prepared, joined, workspaceRoots, version, logLevel } = options;
  const signal = shell.interrupted();
  const teller = connectionTeller(context, joined);
  let refused: MusterError | undefined;
  try {
    const running = await prepared.start({
      hubUrl: joined.hubUrl,
      spaceId: joined.spaceId,
      workspaceRoots,
      // A hub of one's own may have been here.
      hiddenFolders: [context.paths.hub],
      version,
      ...(logLevel === undefined ? {} : { logLevel }),
      onConnection: teller.tell,
    });
    const refusedThen = running.refused.then((error) => {
      refused = error;
    });
    // Either is the hub's word, so one of them is enough to wait for.
    const heard = running.connected.catch(() => undefined);
    if (!(await within(CONNECT_LIMIT_MS, heard, signal)) && !signal.aborted)
      voice.warn(away(`The hub at ${joined.hubUrl} does not answer yet; this machine goes on trying. Ctrl-C ends it.`));
    await Promise.race([heard, refusedThen, aborted(signal)]);
    if (refused === undefined && !signal.aborted) {
      sayReady(context, options);
      await Promise.race([refusedThen, aborted(signal)]);
    }
  } finally {
    teller.stop();
    if (signal.aborted) voice.note("\nStopping …");
    await endWith(shell, () => prepared.close());
  }
  if (refused !== undefined) throw refusedBy(joined, refused);
}

const away = (message: string): MusterError =>
  refusal("hub_unreachable", message, "Look whether it runs there, and whether this machine can reach it.");

/** A hub that is restarted is back sooner, and nobody need hear of it. */
const AWAY_TOLD_AFTER_MS = 1_000;

interface ConnectionTeller {
  readonly tell: (isConnected: boolean) => void;
  stop(): void;
}

/** Says when the hub is away and when it is back. The first connection is told by the line of readiness. */
function connectionTeller({ voice }: Context, { hubUrl }: JoinedHub): ConnectionTeller {
  let timer: NodeJS.Timeout | undefined;
  let isToldAway = false;
  let isStopped = false;
  return {
    tell: (isConnected) => {
      clearTimeout(timer);
      if (isStopped) return;
      if (isConnected && isToldAway) voice.note("Connected again.");
      if (isConnected) isToldAway = false;
      else
        timer = setTimeout(() => {
          isToldAway = true;
          voice.warn(
            away(`The hub at ${hubUrl} is away; this machine goes on, and tells it later what happens meanwhile.`),
          );
        }, AWAY_TOLD_AFTER_MS);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

function sayReady(context: Context, { prepared, joined, workspaceRoots, version, began }: ServeOptions): void {
  const { voice, paint, muster, paths } = context;
  const { hubUrl, sessionId, sessionTitle } = joined;
  const { nodeId } = prepared;
  const places = facts(
    [
      ["Hub", paint("bold", hubUrl)],
      ["Session", `${oneLine(sessionTitle)} ${paint("dim", `(${shortId(sessionId)})`)}`],
      ["Machine", shortId(nodeId)],
      ["Projects", `below ${workspaceRoots.join(", ")}`],
      ["Home", paths.home],
    ],
    paint,
  );
  const title = `${paint("green", "✓")} Muster ${version}: this machine is on the roster after ${lasting(performance.now() - began)}`;
  const next = `Next, in another terminal:\n  ${muster} project add <folder>  ${paint("dim", "make a folder of this machine a project")}\n`;
  voice.answer({
    json: { ready: true, url: hubUrl, nodeId, sessionId, home: paths.home, pid: process.pid },
    text: `\n${title}\n\n${places}\n${next}\n${paint("dim", `Ctrl-C ends it; \`${muster} daemon up\` starts it again.`)}\n`,
    quiet: [nodeId],
  });
}

const ANEW = "An owner makes an invite with `muster invite`; join by it under another --home, as a new machine.";

/** The hub's refusal in the words of whoever sits at this machine. */
function refusedBy({ hubUrl, sessionTitle }: JoinedHub, error: MusterError): MusterError {
  const refuse = (message: string, advice?: string): MusterError =>
    new MusterError(error.code, message, { ...error.details, ...(advice === undefined ? {} : { advice }) });
  switch (error.code) {
    case "runtimenode.attach_revoked":
      return refuse(
        `An owner revoked this machine's place in "${oneLine(sessionTitle)}" at ${hubUrl}, for good.`,
        ANEW,
      );
    case "uplink.unauthorized":
      return refuse(`The hub at ${hubUrl} does not know this machine's key, or takes it no more.`, ANEW);
    case "already_running":
      return error;
    default:
      return refuse(`The hub at ${hubUrl} does not take this machine: ${error.message}`);
  }
}
