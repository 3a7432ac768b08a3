// What sessions and invites are made with.
import type { NodeId, SessionId, SpaceId } from "@muster/contracts";
import type { Clock, Ids, Random } from "@muster/core";
import type { Store } from "@muster/store";
import type { Identity } from "../ports.ts";

export interface SessionsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly identity: Pick<Identity, "standsFor">;
  /** What other hubs hear of a node that is shown otherwise now, for `Batch.announcements`; absent: nobody hears of it. */
  readonly announcement?: (spaceId: SpaceId, nodeId: NodeId) => string;
  /** Called after a commit that may have changed what a session's nodes are shown as: its floor, its members, its slots. */
  readonly onNodesChanged?: (spaceId: SpaceId, sessionId: SessionId) => void;
}
