// Machines as answers show them: by name, with the one slot that counts, and what works on them.
import type { NodeInNoSession, NodeSummary } from "@muster/contracts";
import { shortId } from "./ids.ts";
import { oneLine } from "./output/text.ts";

/** A machine, wherever it may work. */
export type AnyNode = NodeSummary | NodeInNoSession;

export const nameOfNode = (node: Pick<AnyNode, "nodeId" | "capabilities">): string =>
  oneLine(node.capabilities.hostname ?? shortId(node.nodeId));

export const isInNoSession = (node: AnyNode): node is NodeInNoSession => !("sessionId" in node);

/** True while the slot holds the machine: it has one such slot at most. */
export const isActiveSlot = ({ state }: NodeSummary): boolean => state !== "offline" && state !== "revoked";

/** True for one that gets new work as soon as it is online. */
export const mayWork = (node: NodeSummary): boolean => isActiveSlot(node) && !node.readOnly && !node.suspended;

/** One row for each machine, which has one for each session it ever had a slot in: the active slot, else the newest. */
export function newestSlots(nodes: readonly NodeSummary[]): NodeSummary[] {
  const found = new Map<string, NodeSummary>();
  for (const node of nodes) {
    const known = found.get(node.nodeId);
    if (known === undefined || isNewer(node, known)) found.set(node.nodeId, node);
  }
  return [...found.values()];
}

const isNewer = (node: NodeSummary, known: NodeSummary): boolean =>
  isActiveSlot(node) === isActiveSlot(known) ? node.attachedAt > known.attachedAt : isActiveSlot(node);

/** Names of the agents that were found on it. */
export const agentsOf = ({ capabilities }: Pick<AnyNode, "capabilities">): string =>
  (capabilities.providers ?? [])
    .filter(({ found }) => found)
    .map(({ name }) => oneLine(name))
    .join(", ") || "none";
