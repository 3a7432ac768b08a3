// What a new thread may choose from: the machine of its project and the agents found there. Pure.
import type { NodeSummary, ProjectRow } from "@muster/contracts";

export interface ProviderChoice {
  readonly name: string;
  readonly title: string;
  readonly isFound: boolean;
  /** How to install it. */
  readonly hint: string | null;
}

export const nodeOfProject = (project: ProjectRow, nodes: readonly NodeSummary[] | null): NodeSummary | undefined =>
  nodes?.find(({ nodeId, sessionId }) => nodeId === project.nodeId && sessionId === project.sessionId);

/** Those that were found first. */
export function providersOf(node: NodeSummary | undefined): ProviderChoice[] {
  return (node?.capabilities.providers ?? [])
    .map(({ name, title, found, installHint }) => ({ name, title, isFound: found, hint: installHint }))
    .sort((first, second) => Number(second.isFound) - Number(first.isFound));
}

export const nodeName = (node: Pick<NodeSummary, "nodeId" | "capabilities">): string =>
  node.capabilities.hostname ?? node.nodeId;
