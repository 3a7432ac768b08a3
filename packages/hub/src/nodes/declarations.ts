// Capability updates: a node, or its owner for it, says anew what it can do. It is a write, so a node that may only read or is
// suspended is refused; what was found to allow it is proven once more in the commit.
import {
  type CapabilityUpdated,
  type CapabilityUpdateInput,
  MusterError,
  type PrincipalId,
  type SpaceId,
} from "@muster/contracts";
import { isoTime } from "@muster/core";
import { returnedRows } from "@muster/store";
import { declareCapabilities } from "./slot-statements.ts";
import { persist, type SlotTools, staleEpoch } from "./slots.ts";
import { refuseWithoutStanding, standingOf } from "./standing.ts";
import { nodeOf } from "./statements.ts";

/**
 * @param ownerId whose node it must be; undefined where the node itself has proven its key
 * @throws MusterError `runtimenode.permission_denied`, `runtimenode.stale_epoch`, `runtimenode.capabilityupdate_conflict`,
 *   `version.floor_exceeded`.
 */
export const declare = (
  { store, clock, announcement }: SlotTools,
  { spaceId, ownerId }: { readonly spaceId: SpaceId; readonly ownerId: PrincipalId | undefined },
  { nodeId, epoch, capabilities, healthChanges }: CapabilityUpdateInput,
): Promise<CapabilityUpdated> =>
  persist(async () => {
    const { dialect } = store;
    const nodeQuery = nodeOf(dialect, { spaceId, nodeId });
    const standingQuery = standingOf(dialect, { spaceId, nodeId });
    const [nodeRows, standingRows] = await store.readTransaction([nodeQuery, standingQuery]);
    const [[node], [slot]] = [nodeRows, standingRows];
    if (node === undefined || (ownerId !== undefined && node.owner !== ownerId))
      throw new MusterError("runtimenode.permission_denied");
    if (node.epoch !== epoch) throw staleEpoch(epoch, node.epoch);
    if (slot === undefined) throw new MusterError("runtimenode.capabilityupdate_conflict");
    refuseWithoutStanding(slot);
    if (slot.state === "registering" && healthChanges !== undefined)
      throw new MusterError("runtimenode.capabilityupdate_conflict");
    const update = declareCapabilities(
      dialect,
      {
        spaceId,
        nodeId,
        slotId: slot.id,
        capabilities: JSON.stringify(capabilities),
        healthState: healthChanges?.state ?? (slot.state === "degraded" ? "degraded" : "online"),
      },
      { expectChanges: 1 },
    );
    const statements = [update];
    const guards = [
      { query: nodeQuery, expected: nodeRows },
      { query: standingQuery, expected: standingRows },
    ];
    const announcements = [announcement(spaceId, nodeId)];
    const [changed] = returnedRows(await store.commit({ guards, statements, announcements }), statements, update);
    return changed === undefined ? null : { nodeId, state: changed.state, updatedAt: isoTime(clock.now()) };
  });
