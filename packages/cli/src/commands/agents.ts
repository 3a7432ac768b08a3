// agents: the coding agents a machine has, and how to install the others.
import type { DetectedProvider, NodeSummary } from "@muster/contracts";
import type { Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect } from "../hub.ts";
import { nameOfNode } from "../nodes.ts";
import { table } from "../output/table.ts";
import { oneLine } from "../output/text.ts";
import { chooseNode } from "../reads.ts";

export function addAgentCommand({ program, context }: Registry): void {
  program
    .command("agents")
    .description("list the coding agents a machine has, and how to install the others")
    .option("--node <id>", "another machine than this one, by id or host name")
    .addHelpText("after", examples("agents", "agents --node laptop", "agents --json"))
    .action((options: { node?: string }, command: Command) => listAgents(context(command), options.node));
}

const foundAgents = (node: NodeSummary): DetectedProvider[] =>
  (node.capabilities.providers ?? []).filter(({ found }) => found);

async function listAgents(context: Context, given: string | undefined): Promise<void> {
  const hub = connect(context);
  const { nodes } = await hub.api.nodes.list();
  const node = chooseNode(nodes, given, hub.address.nodeId);
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
    text: agents.length === 0 ? `${nameOfNode(node)} has told of no agents.\n` : table({ columns, rows, width, paint }),
    quiet: foundAgents(node).map(({ name }) => name),
  });
  if (!agents.some(({ found, name }) => found && name !== "sample")) {
    context.voice.note("Only the sample agent is here; it needs no model and shows how Muster works.");
  }
}
