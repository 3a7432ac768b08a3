// What became of an invite for a machine, as the dialog that made it watches: nothing yet, a machine came, or something
// else. Pure.
import type { Invite, NodeSummary, SessionId } from "@muster/contracts";
import { hasSlot } from "./machines.ts";

export type Joining =
  | { readonly step: "waiting" }
  | { readonly step: "joined"; readonly node: NodeSummary }
  /** Somebody joined with the link, and no machine came along. */
  | { readonly step: "used" }
  | { readonly step: "ended"; readonly state: "expired" | "revoked" };

const here = (nodes: readonly NodeSummary[], sessionId: SessionId): NodeSummary[] =>
  nodes.filter((node) => node.sessionId === sessionId && hasSlot(node));

/** The machines that were in the session when the invite was made. */
export const machinesIn = (nodes: readonly NodeSummary[], sessionId: SessionId): ReadonlySet<string> =>
  new Set(here(nodes, sessionId).map(({ nodeId }) => nodeId));

/** `invite` is null until it was read. Who redeemed it owns the machine that came with it. */
export function joiningOf(
  invite: Pick<Invite, "state" | "redeemedBy" | "sessionId"> | null,
  nodes: readonly NodeSummary[],
  before: ReadonlySet<string>,
): Joining {
  if (invite === null || invite.state === "pending") return { step: "waiting" };
  if (invite.state !== "redeemed") return { step: "ended", state: invite.state };
  const machines = here(nodes, invite.sessionId);
  const node =
    machines.find(({ ownerId }) => ownerId === invite.redeemedBy) ?? machines.find(({ nodeId }) => !before.has(nodeId));
  return node === undefined ? { step: "used" } : { step: "joined", node };
}
