// status, login, version: how the hub stands, a way into its console, and which program this is.
import type { NodeSummary } from "@muster/contracts";
import type { Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { runningDaemon } from "../home.ts";
import { connect } from "../hub.ts";
import { shortId } from "../ids.ts";
import { type JoinedHub, readJoined } from "../join/joined.ts";
import { type AnyNode, isInNoSession, mayWork, newestSlots } from "../nodes.ts";
import { facts } from "../output/table.ts";
import { counted, oneLine } from "../output/text.ts";
import { lasting } from "../output/time.ts";
import { nodeHealth, nodeSlot, noSlot } from "../output/words.ts";
import { pendingApprovals, readEverything } from "../reads.ts";
import { VERSION } from "../version.ts";

export function addStatusCommands({ program, context }: Registry): void {
  program
    .command("status")
    .description("say how the hub stands and what needs you")
    .addHelpText("after", examples("status", "status --json"))
    .action((_options: object, command: Command) => showStatus(context(command)));
  program
    .command("login")
    .description("print a fresh one-time login link for the console")
    .addHelpText("after", examples("login", "login --quiet"))
    .action((_options: object, command: Command) => printLogin(context(command)));
  program
    .command("version")
    .description("print the version")
    .addHelpText("after", examples("version", "version --json"))
    .action((_options: object, command: Command) => {
      const { voice } = context(command);
      const node = process.versions.node;
      voice.answer({
        json: { version: VERSION, node },
        text: `muster ${VERSION} (Node.js ${node})\n`,
        quiet: [VERSION],
      });
    });
}

async function showStatus(context: Context): Promise<void> {
  const hub = connect(context);
  const health = await hub.api.health();
  const joined = joinedHere(context, hub.address.url);
  const [me, { nodes: slots, inNoSession = [] }, { projects, threads }, pending] = await Promise.all([
    hub.api.auth.me(),
    hub.api.nodes.list(),
    readEverything(hub),
    pendingApprovals(hub),
  ]);
  const nodes = newestSlots(slots);
  const own = [...nodes, ...inNoSession].find(({ nodeId }) => nodeId === joined?.nodeId);
  const running = threads.filter(({ latestTurn }) => latestTurn?.status === "running");
  const online = nodes.filter(({ health: state }) => state === "online");
  const { paint } = context;
  const isWell = health.status === "ok";
  const text = facts(
    [
      ["Hub", `${isWell ? paint("green", health.status) : paint("yellow", health.status)}  ${hub.address.url}`],
      ["Version", `${health.version}, up ${lasting(health.uptimeMs)}, ${counted(health.headSequence, "event")}`],
      ["You", `${oneLine(me.displayName)}, ${me.role}`],
      ...(joined === null ? [] : [["This one", thisMachine(context, own)] as const]),
      ["Machines", machinesText(nodes.length, online)],
      ["Projects", String(projects.length)],
      ["Threads", `${threads.length}, ${running.length} working`],
      ["Needs you", pending.length === 0 ? "nothing" : paint("yellow", counted(pending.length, "approval"))],
    ],
    paint,
  );
  const questions = pending.map(
    ({ approval, thread }) =>
      `  ${paint("dim", shortId(approval.requestId))}  ${oneLine(approval.payload.title)}  ${paint("dim", oneLine(thread.title))}\n`,
  );
  context.voice.answer({
    json: {
      url: hub.address.url,
      status: health.status,
      version: health.version,
      generation: health.generation,
      headSequence: health.headSequence,
      uptimeMs: health.uptimeMs,
      nodes: { total: nodes.length, online: online.length },
      ...(joined === null ? {} : { node: own ?? null }),
      projects: projects.length,
      threads: { total: threads.length, running: running.length },
      pendingApprovals: pending.map(({ approval }) => approval),
    },
    text: text + questions.join(""),
    quiet: [health.status],
  });
  if (pending.length > 0) context.voice.note(`Next: ${context.muster} approve, or ${context.muster} deny`);
  if (!isWell) context.exitWith(6);
}

/** Of a machine that has joined the hub which is asked. */
function joinedHere({ paths }: Context, hubUrl: string): JoinedHub | null {
  const joined = readJoined(paths);
  return joined !== null && new URL(joined.hubUrl).origin === new URL(hubUrl).origin ? joined : null;
}

function thisMachine({ paint, paths, muster }: Context, own: AnyNode | undefined): string {
  // Of a revoked machine no daemon is taken again.
  const isRevoked = own !== undefined && !isInNoSession(own) && own.state === "revoked";
  const place = placeOf(own, paint);
  if (runningDaemon(paths) !== null || isRevoked) return place;
  return `${place}; ${paint("yellow", "its daemon does not run")}: ${muster} daemon up`;
}

function placeOf(own: AnyNode | undefined, paint: Context["paint"]): string {
  if (own === undefined) return "not on the roster";
  const health = nodeHealth(own.health, paint);
  return isInNoSession(own) ? `${health}, ${noSlot(own, paint)}` : `${health}, slot ${nodeSlot(own, paint)}`;
}

function machinesText(total: number, online: readonly NodeSummary[]): string {
  const idle = online.filter((node) => !mayWork(node)).length;
  return `${online.length} of ${total} online${idle === 0 ? "" : `, ${idle} of them may not work`}`;
}

async function printLogin(context: Context): Promise<void> {
  const link = await connect(context).api.auth.createLoginLink();
  const minutes = Math.max(1, Math.round((Date.parse(link.expiresAt) - context.shell.now()) / 60_000));
  context.voice.answer({ json: link, text: `${link.loginUrl}\n`, quiet: [link.loginUrl] });
  context.voice.note(`It works once, within ${counted(minutes, "minute")}.`);
}
