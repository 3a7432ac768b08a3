// nodes, agents: the machines that are attached, and what can work on them.
import type { DetectedProvider, NodeSummary } from "@muster/contracts";
import type { Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect } from "../hub.ts";
import { shortId } from "../ids.ts";
import { table } from "../output/table.ts";
import { oneLine } from "../output/text.ts";
import { ago } from "../output/time.ts";
import { nodeHealth } from "../output/words.ts";
import { chooseNode } from "../reads.ts";

export function addNodeCommands({ program, context }: Registry): void {
  program
    .command("nodes")
    .description("list the machines attached to the hub")
    .addHelpText("after", examples("nodes", "nodes --json", "nodes --quiet"))
    .action((_options: object, command: Command) => listNodes(context(command)));
  program
    .command("agents")
    .description("list the coding agents a machine has, and how to install the others")
    .option("--node <id>", "another machine than the only one that is online")
    .addHelpText("after", examples("agents", "agents --node laptop", "agents --json"))
    .action((options: { node?: string }, command: Command) => listAgents(context(command), options.node));
}

const nameOf = (node: NodeSummary): string => oneLine(node.capabilities.hostname ?? shortId(node.nodeId));

async function listNodes(context: Context): Promise<void> {
  const { nodes } = await connect(context).api.nodes.list();
  const { paint, shell, width } = context;
  const rows = nodes.map((node) => [
    nameOf(node),
    nodeHealth(node.health, paint),
    node.readOnly ? paint("yellow", "read only") : node.state,
    agentsOf(node),
    oneLine(node.clientVersion),
    ago(node.lastHeartbeatAt, shell.now()),
    paint("dim", shortId(node.nodeId)),
  ]);
  const columns = [
    { title: "MACHINE" },
    { title: "HEALTH" },
    { title: "SLOT" },
    { title: "AGENTS", isFlexible: true },
    { title: "VERSION" },
    { title: "HEARD" },
    { title: "ID" },
  ];
  const text = nodes.length === 0 ? "No machine is attached yet.\n" : table({ columns, rows, width, paint });
  context.voice.answer({ json: { nodes }, text, quiet: nodes.map(({ nodeId }) => nodeId) });
}

const foundAgents = (node: NodeSummary): DetectedProvider[] =>
  (node.capabilities.providers ?? []).filter(({ found }) => found);

const agentsOf = (node: NodeSummary): string =>
  foundAgents(node)
    .map(({ name }) => oneLine(name))
    .join(", ") || "none";

async function listAgents(context: Context, given: string | undefined): Promise<void> {
  const { nodes } = await connect(context).api.nodes.list();
  const node = chooseNode(nodes, given);
  const agents = node.capabilities.providers ?? [];
  const { paint, width } = context;
  const rows = agents.map((agent) => [
    oneLine(agent.name),
    oneLine(agent.title),
    agent.found ? paint("green", "found") : paint("dim", "not found"),
    oneLine(agent.found ? (agent.path ?? agent.command) : (agent.installHint ?? `Install ${agent.command}.`)),
  ]);
  const columns = [
    { title: "NAME" },
    { title: "AGENT" },
    { title: "STATE" },
    { title: "WHERE, OR WHAT TO DO", isFlexible: true },
  ];
  context.voice.answer({
    json: { nodeId: node.nodeId, agents },
    text: agents.length === 0 ? `${nameOf(node)} has told of no agents.\n` : table({ columns, rows, width, paint }),
    quiet: foundAgents(node).map(({ name }) => name),
  });
  if (!agents.some(({ found, name }) => found && name !== "sample")) {
    context.voice.note("Only the sample agent is here; it needs no model and shows how Muster works.");
  }
}
