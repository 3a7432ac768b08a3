// The hub's migrations, in order. Released ones are never edited: the store compares their checksums.
import type { MigrationSet } from "@muster/store";
import { firstSchema } from "./0001-first-schema.ts";
import { waitingReverts } from "./0002-waiting-reverts.ts";
import { threadRetention } from "./0003-thread-retention.ts";
import { windowIndexes } from "./0004-window-indexes.ts";
import { projectionRebuilds } from "./0005-projection-rebuilds.ts";
import { revertsOfNodes } from "./0006-reverts-of-nodes.ts";
import { leasesByName } from "./0007-leases.ts";
import { nodesByOwner } from "./0008-nodes-by-owner.ts";
import { slotsOfClosedSessions } from "./0009-slots-of-closed-sessions.ts";

export const HUB_MIGRATIONS: MigrationSet = {
  name: "hub",
  migrations: [
    firstSchema,
    waitingReverts,
    threadRetention,
    windowIndexes,
    projectionRebuilds,
    revertsOfNodes,
    leasesByName,
    nodesByOwner,
    slotsOfClosedSessions,
  ],
};
