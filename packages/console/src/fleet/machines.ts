// Machines as the page lists them: by session, searched, filtered, those that need a look after those that work. Pure.
import type { NodeInNoSession, NodeSummary, SessionId, SessionSummary } from "@muster/contracts";
import { nodeName } from "../threads/thread-choices.ts";

export type Filter = "all" | "online" | "away" | "detached";

export const FILTERS: Readonly<
  Record<Filter, { readonly label: string; readonly has: (node: NodeSummary) => boolean }>
> = {
  all: { label: "All", has: () => true },
  online: { label: "Online", has: (node) => hasSlot(node) && node.health === "online" },
  away: { label: "Away", has: (node) => hasSlot(node) && node.health !== "online" },
  detached: { label: "Not attached", has: (node) => !hasSlot(node) },
};

export const hasSlot = ({ state }: Pick<NodeSummary, "state">): boolean => state !== "offline" && state !== "revoked";

/** With its slot in a session, or as one's own that has none. */
export type Machine = NodeSummary | NodeInNoSession;

/** A machine may have been in several sessions, or in none. */
export const machineKey = (node: Pick<NodeSummary, "sessionId" | "nodeId"> | NodeInNoSession): string =>
  `${"sessionId" in node ? node.sessionId : ""}/${node.nodeId}`;

export interface FleetView {
  readonly nodes: readonly NodeSummary[];
  readonly inNoSession: readonly NodeInNoSession[];
}

export const countOf = ({ nodes, inNoSession }: FleetView, filter: Filter): number =>
  nodes.filter(FILTERS[filter].has).length + (hasNoSession(filter) ? inNoSession.length : 0);

/** A machine in no session is not attached, whether it is alive or not. */
const hasNoSession = (filter: Filter): boolean => filter === "all" || filter === "detached";

export interface MachineGroup {
  readonly sessionId: SessionId;
  /** undefined where the session is not known (yet). */
  readonly session: SessionSummary | undefined;
  readonly machines: readonly NodeSummary[];
}

/** Groups without a machine are left out; the default session is first, then by title. */
export function groupMachines(
  nodes: readonly NodeSummary[],
  sessions: readonly SessionSummary[],
  { search, filter }: { readonly search: string; readonly filter: Filter },
): MachineGroup[] {
  const words = wordsOf(search);
  const known = new Map(sessions.map((session) => [session.sessionId, session]));
  const groups = new Map<SessionId, NodeSummary[]>();
  for (const node of nodes) {
    if (!FILTERS[filter].has(node) || !matches(node, words)) continue;
    const members = groups.get(node.sessionId);
    if (members === undefined) groups.set(node.sessionId, [node]);
    else members.push(node);
  }
  return [...groups]
    .map(([sessionId, machines]) => ({ sessionId, session: known.get(sessionId), machines: sorted(machines) }))
    .sort(
      (first, second) =>
        Number(second.session?.isDefault ?? false) - Number(first.session?.isDefault ?? false) ||
        title(first).localeCompare(title(second)),
    );
}

export function machinesInNoSession(
  nodes: readonly NodeInNoSession[],
  { search, filter }: { readonly search: string; readonly filter: Filter },
): NodeInNoSession[] {
  if (!hasNoSession(filter)) return [];
  const words = wordsOf(search);
  return nodes
    .filter((node) => matches(node, words))
    .sort((first, second) => COLLATOR.compare(nodeName(first), nodeName(second)));
}

const wordsOf = (search: string): string[] => search.toLocaleLowerCase().split(/\s+/).filter(Boolean);

const title = ({ session, sessionId }: MachineGroup): string => session?.title ?? sessionId;

function matches(node: Machine, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const { capabilities, nodeId, ownerName, clientVersion } = node;
  const agents = (capabilities.providers ?? []).filter(({ found }) => found).map((provider) => provider.title);
  const text = [nodeName(node), nodeId, ownerName, clientVersion ?? "", capabilities.platform ?? "", ...agents]
    .join(" ")
    .toLocaleLowerCase();
  return words.every((word) => text.includes(word));
}

const RANK: Readonly<Record<NodeSummary["health"], number>> = { online: 0, degraded: 1, offline: 2 };
const rank = (node: NodeSummary): number => (node.state === "revoked" ? 4 : hasSlot(node) ? RANK[node.health] : 3);

function sorted(nodes: readonly NodeSummary[]): NodeSummary[] {
  const ranked = nodes.map((node) => ({ node, rank: rank(node), name: nodeName(node) }));
  ranked.sort(
    (first, second) =>
      first.rank - second.rank ||
      COLLATOR.compare(first.name, second.name) ||
      (first.node.nodeId < second.node.nodeId ? -1 : 1),
  );
  return ranked.map(({ node }) => node);
}

/** Machines are often numbered. */
const COLLATOR = new Intl.Collator(undefined, { numeric: true });
