// The sweep: what has been silent too long is demoted, and who was away for longer than the slot's lease gives the slot back.
// One process of the database does it at a time, under a lease that every commit of it renews; one that lost the lease
// changes nothing. What changed is given back once, by the statement that changed it, and announced in the same commit.
import type { NodeId, PrincipalId, SpaceId } from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { returnedRows, type Statement, type Store } from "@muster/store";
import { Attention, givenUpBefore, type Look } from "../attention.ts";
import { audited } from "../identity/index.ts";
import { type HeldLease, LeaseKeeper } from "../leases/index.ts";
import { logSlots } from "./history.ts";
import {
  DEGRADED_AFTER_MS,
  DEMOTIONS_MAX,
  LEASE_EXPIRED,
  OFFLINE_AFTER_MS,
  OVERDUE_LOOK_MS,
  RELEASE_ATTEMPTS,
  SWEEP_LEASE_MS,
} from "./limits.ts";
import {
  demoteSilent,
  type OverdueSlot,
  overdueSlots,
  raiseEpochs,
  releaseSlots,
  silentNodes,
} from "./sweep-statements.ts";

export interface SweepOptions {
  /** Reads of it go through many rows. */
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** This process, once started. */
  readonly owner: string;
  /** In whose name slots are released. */
  readonly hubPrincipalId: PrincipalId;
  /** How long a slot waits for a node that is offline. */
  readonly slotLeaseMs: number;
  /** What other processes hear of a node that changed. */
  readonly announcement: (spaceId: SpaceId, nodeId: NodeId) => string;
}

export interface ChangedNode {
  readonly spaceId: SpaceId;
  readonly nodeId: NodeId;
}

export class Sweep {
  readonly #options: SweepOptions;
  readonly #lease: LeaseKeeper;
  readonly #attention: Attention;
  /** Of the nodes last heard before it, none that is offline has a slot; the empty one is before all. */
  #examinedBefore = "";
  #examinedAllMs = Number.NEGATIVE_INFINITY;

  constructor(options: SweepOptions) {
    this.#options = options;
    const { store, clock, owner } = options;
    this.#lease = new LeaseKeeper({ store, clock, owner, name: "nodes.sweep", leaseMs: SWEEP_LEASE_MS });
    this.#attention = new Attention(clock.now());
  }

  /** Nodes that it changed, each once; none while another process sweeps. Throws StoreError. */
  async run(): Promise<readonly ChangedNode[]> {
    const wasHeld = this.#lease.isHeld;
    const held = await this.#lease.have();
    // What others did meanwhile is not known here.
    if (!wasHeld) this.#examinedAllMs = Number.NEGATIVE_INFINITY;
    const demoted = held === null ? null : await this.#demote(held);
    // Whether it swept or not, it was there with its database.
    const look = this.#attention.look(this.#options.clock.now());
    if (held === null || demoted === null) return [];
    return [...demoted, ...(await this.#releaseOverdue(held, look))];
  }

  /** Another process need not wait for the end of the lease. */
  close(): Promise<void> {
    return this.#lease.giveBack();
  }

  /** null where the lease is lost. */
  async #demote(held: HeldLease): Promise<readonly ChangedNode[] | null> {
    const { store, clock } = this.#options;
    const now = clock.now();
    const silence = {
      degradedBefore: isoTime(now - DEGRADED_AFTER_MS),
      offlineBefore: isoTime(now - OFFLINE_AFTER_MS),
    };
    const changed: ChangedNode[] = [];
    for (;;) {
      // Who is silent by these times and is not found here cannot become so: heartbeats only make times later.
      const silent = store.listen === undefined ? [] : await store.read(silentNodes(store.dialect, silence));
      const demotion = demoteSilent(store.dialect, silence);
      const statements = [this.#lease.renewal(held), demotion];
      const result = await store.commit({
        guards: [],
        statements,
        announcements: silent.map(({ space_id, node_id }) => this.#options.announcement(space_id, node_id)),
      });
      if (result.status === "conflict") {
        this.#lease.lost();
        return null;
      }
      const demoted = returnedRows(result, statements, demotion);
      for (const { last_heartbeat_at: heardAt } of demoted)
        if (heardAt < this.#examinedBefore) this.#examinedBefore = heardAt;
      changed.push(...demoted.map(changedNode));
      if (store.dialect === "sqlite" || demoted.length < DEMOTIONS_MAX) return changed;
    }
  }

  async #releaseOverdue(held: HeldLease, look: Look): Promise<readonly ChangedNode[]> {
    const { store, slotLeaseMs } = this.#options;
    const beforeMs = givenUpBefore(look, slotLeaseMs);
    if (beforeMs === null) return [];
    const before = isoTime(beforeMs);
    if (look.nowMs - this.#examinedAllMs >= OVERDUE_LOOK_MS) {
      this.#examinedBefore = "";
      this.#examinedAllMs = look.nowMs;
    }
    const since = this.#examinedBefore;
    const released: ChangedNode[] = [];
    for (let refusals = 0; refusals < RELEASE_ATTEMPTS; ) {
      const found = await store.read(overdueSlots(store.dialect, { since, before }));
      const spaceId = found[0]?.space_id;
      if (spaceId === undefined) {
        this.#examinedBefore = before;
        break;
      }
      const slots = found.filter(({ space_id }) => space_id === spaceId);
      const outcome = await this.#release(held, spaceId, before, slots);
      if (outcome === "lost") break;
      // One of them came back in this moment: look again.
      if (outcome === "refused") refusals += 1;
      else released.push(...slots.map(changedNode));
    }
    return released;
  }

  /**
   * All of it or nothing, in one commit: each statement finds the slots still unheard of, by number. What takes a node back
   * (a hello, a heartbeat, an attach, a revocation) changes a row that the first of them asks for, under the same lock.
   */
  async #release(
    held: HeldLease,
    spaceId: SpaceId,
    before: string,
    slots: readonly OverdueSlot[],
  ): Promise<"released" | "refused" | "lost"> {
    const { store, clock, announcement } = this.#options;
    const { dialect } = store;
    const at = isoTime(clock.now());
    const [slotIds, nodeIds] = [slots.map(({ id }) => id), slots.map(({ node_id }) => node_id)];
    const all = { expectChanges: slots.length };
    const result = await store.commit({
      guards: [],
      statements: [
        this.#lease.renewal(held),
        releaseSlots(dialect, { spaceId, slotIds, before, at, reason: LEASE_EXPIRED }, all),
        raiseEpochs(dialect, { spaceId, nodeIds }, all),
        ...this.#history(spaceId, at, slots),
      ],
      announcements: nodeIds.map((nodeId) => announcement(spaceId, nodeId)),
    });
    if (result.status === "committed") return "released";
    if (result.failedStatement !== 0) return "refused";
    this.#lease.lost();
    return "lost";
  }

  #history(spaceId: SpaceId, at: string, slots: readonly OverdueSlot[]): readonly Statement[] {
    const { store, ids, hubPrincipalId } = this.#options;
    const { dialect } = store;
    const log = slots.map((slot) => ({
      spaceId,
      nodeId: slot.node_id,
      logId: ids.next(),
      slot,
      action: "released" as const,
      // The one that it has from now on: nobody else raises it without a change of the slot or of presence.
      epoch: slot.epoch + 1,
      reason: LEASE_EXPIRED,
      at,
    }));
    const acts = slots.map(({ node_id: subject, session_id: sessionId }) => ({
      spaceId,
      at,
      actorId: hubPrincipalId,
      action: "node.released" as const,
      subject,
      details: { sessionId, reason: LEASE_EXPIRED },
    }));
    return [...logSlots(dialect, log), ...audited({ dialect, ids }, ...acts)];
  }
}

const changedNode = (row: { readonly space_id: SpaceId; readonly node_id: NodeId }): ChangedNode => ({
  spaceId: row.space_id,
  nodeId: row.node_id,
});
