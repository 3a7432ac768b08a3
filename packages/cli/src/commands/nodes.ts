// nodes: the machines of the sessions one belongs to: where they have a slot, whether they are alive, whose they are. And one's
// own that are in none of these sessions, so that they can be lent again.
import {
  MusterError,
  type NodeInNoSession,
  type NodeSummary,
  type SessionSummary,
  UNKNOWN_CLIENT_VERSION,
} from "@muster/contracts";
import type { Command } from "commander";
import { confirm } from "../confirm.ts";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import { connect, type Hub } from "../hub.ts";
import { shortId } from "../ids.ts";
import { type AnyNode, agentsOf, isActiveSlot, isInNoSession, nameOfNode, newestSlots } from "../nodes.ts";
import { facts, table } from "../output/table.ts";
import { counted, oneLine } from "../output/text.ts";
import { ago } from "../output/time.ts";
import { nodeHealth, nodeSlot, noSlot } from "../output/words.ts";
import { chooseNode, matchNode } from "../reads.ts";
import { chooseSession } from "../sessions.ts";

interface NodeOptions {
  readonly session?: string;
  readonly reason?: string;
  readonly yes?: boolean;
}

const NODE = ["<node>", "host name, id, or a beginning or end of it"] as const;
const REASON = ["--reason <text>", "why, for those who look at the roster"] as const;

export function addNodeCommands({ program, context }: Registry): void {
  const nodes = program
    .command("nodes")
    .description("the machines that may work, and whether they are alive")
    .addHelpText("after", examples("nodes", "nodes --json", "nodes --quiet", "nodes show laptop"));
  nodes
    .command("list", { isDefault: true })
    .description("list the machines (what `muster nodes` alone does)")
    .option("--session <id>", "of one session only, by id or title")
    .addHelpText("after", examples("nodes list", 'nodes list --session "Shop"', "nodes list --json"))
    .action((options: NodeOptions, command: Command) => listNodes(context(command), options.session));
  nodes
    .command("show")
    .description("show all that is known of a machine")
    .argument(...NODE)
    .option("--session <id>", "its slot in this session, by id or title; the one that is active when absent")
    .addHelpText("after", examples("nodes show laptop", "nodes show 3f9ac210 --json"))
    .action((given: string, options: NodeOptions, command: Command) => showNode(context(command), given, options));
  nodes
    .command("attach")
    .description("give a machine of yours a slot in a session")
    .argument(...NODE)
    .option("--session <id>", "the session, by id or title; when absent the one it was in last, else the default one")
    .addHelpText("after", examples("nodes attach laptop", 'nodes attach laptop --session "Shop"'))
    .action((given: string, options: NodeOptions, command: Command) => attachNode(context(command), given, options));
  nodes
    .command("detach")
    .description("take a machine of yours out of its session; its daemon goes on")
    .argument(...NODE)
    .option(...REASON)
    .addHelpText("after", examples("nodes detach laptop", 'nodes detach laptop --reason "needed for a demo"'))
    .action((given: string, options: NodeOptions, command: Command) => detachNode(context(command), given, options));
  nodes
    .command("revoke")
    .description("shut a machine out of a session for good; for owners of the session")
    .argument(...NODE)
    .option("--session <id>", "the session, by id or title; the one it is in when absent")
    .option(...REASON)
    .option("--yes", "do not ask")
    .addHelpText("after", examples("nodes revoke laptop", 'nodes revoke laptop --yes --reason "it was stolen"'))
    .action((given: string, options: NodeOptions, command: Command) => revokeNode(context(command), given, options));
}

interface Fleet {
  readonly hub: Hub;
  readonly nodes: readonly NodeSummary[];
  readonly inNoSession: readonly NodeInNoSession[];
  readonly sessions: readonly SessionSummary[];
}

async function readFleet(context: Context): Promise<Fleet> {
  const hub = connect(context);
  const [{ nodes, inNoSession = [] }, { sessions }] = await Promise.all([
    hub.api.nodes.list(),
    hub.api.sessions.list(),
  ]);
  return { hub, nodes, inNoSession, sessions };
}

/** By the slot that counts, or as the machine of one's own that has none here. */
const chooseAny = ({ nodes, inNoSession }: Fleet, given: string): AnyNode =>
  matchNode<AnyNode>([...newestSlots(nodes), ...inNoSession], given);

/** The machine's slot in the session that is named, else the one that counts. */
function slotOf({ nodes, sessions }: Fleet, given: string, session: string | undefined): NodeSummary {
  const node = chooseNode(nodes, given);
  if (session === undefined) return node;
  const { sessionId, title } = chooseSession(sessions, session);
  const slot = nodes.find((each) => each.nodeId === node.nodeId && each.sessionId === sessionId);
  if (slot) return slot;
  throw new MusterError("node_not_attached", `${nameOfNode(node)} never had a slot in "${title}".`);
}

const titleOf = (sessions: readonly SessionSummary[], { sessionId }: NodeSummary): string =>
  oneLine(sessions.find((session) => session.sessionId === sessionId)?.title ?? shortId(sessionId));

async function listNodes(context: Context, session: string | undefined): Promise<void> {
  const { paint, shell, width, voice, muster } = context;
  const fleet = await readFleet(context);
  const { sessions } = fleet;
  const only = session === undefined ? null : chooseSession(sessions, session).sessionId;
  const nodes = fleet.nodes.filter(({ sessionId }) => only === null || sessionId === only);
  const inNoSession = only === null ? fleet.inNoSession : [];
  const listed: readonly AnyNode[] = [...nodes, ...inNoSession];
  const hasMany = new Set(nodes.map(({ sessionId }) => sessionId)).size > 1;
  const rows = listed.map((node) => [
    nameOfNode(node),
    nodeHealth(node.health, paint),
    isInNoSession(node) ? noSlot(node, paint) : nodeSlot(node, paint),
    ...(hasMany ? [isInNoSession(node) ? "" : titleOf(sessions, node)] : []),
    oneLine(node.ownerName),
    agentsOf(node),
    oneLine(node.clientVersion ?? "unknown"),
    ago(node.lastHeartbeatAt, shell.now()),
    paint("dim", shortId(node.nodeId)),
  ]);
  const columns = [
    { title: "MACHINE" },
    { title: "HEALTH" },
    { title: "SLOT" },
    ...(hasMany ? [{ title: "SESSION" }] : []),
    { title: "OWNER" },
    { title: "AGENTS", isFlexible: true, spare: 1 },
    { title: "VERSION", spare: 3 },
    { title: "HEARD", spare: 2 },
    { title: "ID" },
  ];
  const text = listed.length === 0 ? "No machine is attached yet.\n" : table({ columns, rows, width, paint });
  voice.answer({ json: { nodes, inNoSession }, text, quiet: [...new Set(listed.map(({ nodeId }) => nodeId))] });
  const [idle] = inNoSession;
  if (listed.length === 0) voice.note(`Next: ${muster} invite, and run the line it prints on another machine`);
  else if (idle !== undefined)
    voice.note(
      `${counted(inNoSession.length, "machine")} of yours ${inNoSession.length === 1 ? "is" : "are"} in none of your sessions. ${lend(context, idle)}`,
    );
}

/** How one's own machine comes to work again. */
const lend = ({ muster }: Context, { nodeId, isElsewhere }: NodeInNoSession): string =>
  `Lend it: ${isElsewhere ? `${muster} nodes detach ${shortId(nodeId)}, then ` : ""}${muster} nodes attach ${shortId(nodeId)} --session <title>`;

async function showNode(context: Context, given: string, options: NodeOptions): Promise<void> {
  const { paint, shell, voice } = context;
  const fleet = await readFleet(context);
  const any = chooseAny(fleet, given);
  if (isInNoSession(any)) return showInNoSession(context, any);
  const node = slotOf(fleet, given, options.session);
  const now = shell.now();
  const text = facts(
    [
      ["Machine", paint("bold", nameOfNode(node))],
      ["Id", oneLine(node.nodeId)],
      ["Health", `${nodeHealth(node.health, paint)}, heard ${ago(node.lastHeartbeatAt, now)}`],
      ["Session", titleOf(fleet.sessions, node)],
      ["Slot", nodeSlot(node, paint)],
      ...reasonsOf(node),
      ["Attached", ago(node.attachedAt, now)],
      ...(node.detachedAt === null ? [] : [["Detached", ago(node.detachedAt, now)] as const]),
      ["Owner", oneLine(node.ownerName)],
      ["Version", oneLine(node.clientVersion)],
      ...abilities(node),
    ],
    paint,
  );
  voice.answer({ json: node, text, quiet: [node.nodeId] });
}

const abilities = (node: AnyNode): (readonly [string, string])[] => [
  ["System", oneLine(node.capabilities.platform ?? "unknown")],
  ["Projects", `below ${(node.capabilities.workspaceRoots ?? []).map(oneLine).join(", ") || "no folder"}`],
  ["Agents", agentsOf(node)],
];

function showInNoSession(context: Context, node: NodeInNoSession): void {
  const { paint, shell, voice } = context;
  const now = shell.now();
  const text = facts(
    [
      ["Machine", paint("bold", nameOfNode(node))],
      ["Id", oneLine(node.nodeId)],
      ["Health", `${nodeHealth(node.health, paint)}, heard ${ago(node.lastHeartbeatAt, now)}`],
      ["Session", "none of yours"],
      ["Slot", noSlot(node, paint)],
      ["", node.isElsewhere ? "it may work where you are no member any more" : "nothing is given to it"],
      ["Enrolled", ago(node.enrolledAt, now)],
      ["Owner", oneLine(node.ownerName)],
      ["Version", oneLine(node.clientVersion ?? "unknown until it has a slot")],
      ...abilities(node),
    ],
    paint,
  );
  voice.answer({ json: node, text, quiet: [node.nodeId] });
  voice.note(lend(context, node));
}

/** What keeps it from working although it has a slot. */
function reasonsOf({ readOnly, suspended }: NodeSummary): (readonly [string, string])[] {
  const reasons: (readonly [string, string])[] = [];
  if (readOnly) reasons.push(["", "its version is below the session's floor: upgrade Muster there"]);
  if (suspended) reasons.push(["", "its owner may bring no machine here now, or the session is not active"]);
  return reasons;
}

async function attachNode(context: Context, given: string, { session }: NodeOptions): Promise<void> {
  const { voice, paint } = context;
  const fleet = await readFleet(context);
  const node = chooseAny(fleet, given);
  const { sessionId, title } = chooseSession(
    fleet.sessions,
    session ?? (isInNoSession(node) ? undefined : node.sessionId),
  );
  const attached = await ownersAct(node, () =>
    fleet.hub.api.runtimeNode.attach({
      sessionId,
      nodeId: node.nodeId,
      clientVersion: node.clientVersion ?? UNKNOWN_CLIENT_VERSION,
      capabilities: node.capabilities,
      healthState: "online",
    }),
  );
  const waits = node.health === "offline" ? " It is offline now, and works when its daemon is back." : "";
  voice.answer({
    json: { nodeId: node.nodeId, sessionId, ...attached },
    text: `${paint("green", "✓")} ${nameOfNode(node)} has a slot in "${oneLine(title)}".${waits}\n`,
    quiet: [node.nodeId],
  });
}

/** The hub tells another's machine from none by no word; here it is known to be there, and whose it is. */
export async function ownersAct<Answer>(node: AnyNode, act: () => Promise<Answer>): Promise<Answer> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof MusterError) || error.code !== "runtimenode.permission_denied") throw error;
    throw refusal(
      error.code,
      `Nobody but its owner, ${oneLine(node.ownerName)}, gives ${nameOfNode(node)} a slot, and only where the owner may bring machines.`,
      "Ask the owner; `muster session members` says who may bring machines.",
    );
  }
}

async function detachNode(context: Context, given: string, { reason }: NodeOptions): Promise<void> {
  const { voice, paint } = context;
  const fleet = await readFleet(context);
  const { nodeId } = chooseAny(fleet, given);
  await fleet.hub.api.runtimeNode.detach({ nodeId, ...(reason === undefined ? {} : { reason }) });
  // The hub answers the same for a machine that is another's, so what came of it is looked up.
  const node = chooseAny(await readFleet(context), nodeId);
  if (!isInNoSession(node) && isActiveSlot(node))
    throw new MusterError("runtimenode.permission_denied", `${nameOfNode(node)} is not yours, so it stays attached.`, {
      advice: "Ask its owner; an owner of the session can shut it out with `muster nodes revoke`.",
    });
  voice.answer({
    json: node,
    text: `${paint("green", "✓")} ${nameOfNode(node)} has no slot any more.\n`,
    quiet: [nodeId],
  });
  const where = isInNoSession(node) ? " --session <title>" : "";
  voice.note(`It comes back with: ${context.muster} nodes attach ${shortId(nodeId)}${where}`);
}

async function revokeNode(context: Context, given: string, options: NodeOptions): Promise<void> {
  const { voice, paint } = context;
  const fleet = await readFleet(context);
  const node = slotOf(fleet, given, options.session);
  const { nodeId, sessionId } = node;
  const name = nameOfNode(node);
  const title = titleOf(fleet.sessions, node);
  await confirm(context, `Shut ${name} out of "${title}" for good`, options.yes);
  const { reason } = options;
  await fleet.hub.api.runtimeNode.revoke({ nodeId, sessionId, ...(reason === undefined ? {} : { reason }) });
  voice.answer({
    json: { nodeId, sessionId, state: "revoked" },
    text: `${paint("green", "✓")} ${name} is shut out of "${title}". What it was doing ends.\n`,
    quiet: [nodeId],
  });
}
