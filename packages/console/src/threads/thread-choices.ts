// What a new thread may choose from: the machine of its project and the agents found there. Pure.
import type { NodeSummary, ProjectRow, SessionId, SessionSummary } from "@muster/contracts";
import { may } from "../sessions/may.ts";

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

/** Whether who looks may begin something in the session. While sessions are not known the hub is left to judge. */
export function mayWorkIn(sessions: readonly SessionSummary[] | null, sessionId: SessionId): boolean {
  if (sessions === null) return true;
  const session = sessions.find((candidate) => candidate.sessionId === sessionId);
  return session?.state === "active" && may("orchestration.dispatchCommand", session.role);
}

interface Choice {
  readonly value: string;
  readonly label: string;
}

/** Projects to choose from, by session where they lie in several. */
export function projectChoices(
  projects: readonly ProjectRow[],
  sessions: readonly SessionSummary[] | null,
): Choice[] | { group: string; items: Choice[] }[] {
  const choice = ({ projectId, title }: ProjectRow): Choice => ({ value: projectId, label: title });
  const titles = new Map((sessions ?? []).map(({ sessionId, title }) => [sessionId, title]));
  const groups = Map.groupBy(projects, ({ sessionId }) => sessionId);
  if (groups.size < 2) return projects.map(choice);
  return [...groups].map(([sessionId, members]) => ({
    group: titles.get(sessionId) ?? sessionId,
    items: members.map(choice),
  }));
}

/** Machines that a project may be put on: attached, in a session where who looks may work; those that answer first. */
export function projectHomes(nodes: readonly NodeSummary[], sessions: readonly SessionSummary[] | null): NodeSummary[] {
  return nodes
    .filter(({ state, sessionId }) => state !== "revoked" && state !== "offline" && mayWorkIn(sessions, sessionId))
    .sort(
      (first, second) =>
        Number(first.health !== "online") - Number(second.health !== "online") ||
        nodeName(first).localeCompare(nodeName(second)),
    );
}
