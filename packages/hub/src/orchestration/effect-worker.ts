// Hands effects over to nodes: claimed under a lease with a fence that only grows, at most one in flight per thread and
// in event order (interrupt and stop overtake), tried again with backoff while the node is away, cancelled by the
// append that settles their turn. An effect is done when the node has taken it over durably; what follows is ingest.
import type { ErrorBody, NodeId, SpaceId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { type Clock, isoTime, OVERTAKING_EFFECTS, type Random } from "@muster/core";
import type { Store } from "@muster/store";
import type { NodeConnections, NodeIdentity } from "../ports.ts";
import { type EffectRow, effectBodyOf, effectRowOf } from "./effect-bodies.ts";
import { query } from "./placeholders.ts";
import type { Timers } from "./timers.ts";

/** How long a node may take to say that it has taken an effect over. */
export const EFFECT_LEASE_MS = 30_000;
/** Effects looked at in one pass. */
export const EFFECTS_PAGE_MAX = 256;
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 30_000;
/** An alarm that is due already waits so long, so that a clock that stands cannot make it spin. */
const ALARM_MIN_MS = 10;

export interface EffectWorkerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly connections: NodeConnections;
  /** Names this process in leases. */
  readonly replicaId: string;
  /** An effect that can never be done: its turn or revert must end. */
  readonly onFailed: (effect: EffectRow, error: ErrorBody) => Promise<void>;
  readonly onBug: (error: unknown) => void;
}

export class EffectWorker {
  readonly #options: EffectWorkerOptions;
  #running: Promise<void> | null = null;
  #isWokenAgain = false;
  #isClosed = false;
  #cancelAlarm: (() => void) | null = null;

  constructor(options: EffectWorkerOptions) {
    this.#options = options;
  }

  /** Looks for effects that can be handed over now. */
  wake(): void {
    if (this.#isClosed) return;
    if (this.#running !== null) {
      this.#isWokenAgain = true;
      return;
    }
    this.#running = this.#pass()
      .catch((error: unknown) => this.#options.onBug(error))
      .finally(() => {
        this.#running = null;
        if (this.#isWokenAgain) {
          this.#isWokenAgain = false;
          this.wake();
        }
      });
  }

  /** After a reconnect nobody knows what became of what was in flight: it is handed over again, and the node knows it. */
  async nodeConnected(spaceId: SpaceId, nodeId: NodeId): Promise<void> {
    await this.#write(
      `UPDATE orchestration_effects SET status = 'pending', lease_owner = NULL, lease_expires_at = NULL, available_at = ?, updated_at = ?
       WHERE space_id = ? AND node_id = ? AND status = 'running'`,
      this.#now(),
      this.#now(),
      spaceId,
      nodeId,
    );
    await this.#write(
      "UPDATE orchestration_effects SET available_at = ? WHERE space_id = ? AND node_id = ? AND status = 'pending'",
      this.#now(),
      spaceId,
      nodeId,
    );
    this.wake();
  }

  /** What a node answered. A result under an older fence than the stored one changes nothing. */
  async result(node: NodeIdentity, result: { effectId: string; fence: number; error?: ErrorBody }): Promise<void> {
    const { store } = this.#options;
    const rows = await store.read(
      query(
        store.dialect,
        "SELECT * FROM orchestration_effects WHERE space_id = ? AND effect_id = ? AND node_id = ?",
        node.spaceId,
        result.effectId,
        node.nodeId,
      ),
    );
    const row = rows[0];
    if (row === undefined || row["status"] !== "running" || Number(row["fence"]) !== result.fence) return;
    const effect = effectRowOf(row);
    if (result.error === undefined) await this.#finish(effect, "succeeded", null);
    else if (result.error.retryable) await this.#postpone(effect, result.error.code);
    else await this.#fail(effect, result.error);
    this.wake();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelAlarm?.();
    await this.#running;
  }

  async #pass(): Promise<void> {
    const { store, connections } = this.#options;
    const now = this.#now();
    await this.#write(
      `UPDATE orchestration_effects SET status = 'pending', lease_owner = NULL, lease_expires_at = NULL, updated_at = ?
       WHERE status = 'running' AND lease_expires_at < ?`,
      now,
      now,
    );
    // By node, so that whatever waits for a machine that is away stands in nobody's way.
    const nodes = await store.read(
      query(
        store.dialect,
        "SELECT DISTINCT space_id, node_id FROM orchestration_effects WHERE status IN ('pending', 'running')",
      ),
    );
    let nextAt = Number.POSITIVE_INFINITY;
    for (const node of nodes) {
      const [spaceId, nodeId] = [node["space_id"] as SpaceId, node["node_id"] as NodeId];
      // Its hello wakes this worker again.
      if (connections.isConnected(spaceId, nodeId)) nextAt = Math.min(nextAt, await this.#passNode(spaceId, nodeId));
    }
    this.#schedule(nextAt);
  }

  /** Hands over what one node can take now. Returns when to look again, in ms since the epoch. */
  async #passNode(spaceId: SpaceId, nodeId: NodeId): Promise<number> {
    const { store, clock } = this.#options;
    const now = this.#now();
    const rows = await store.read(
      query(
        store.dialect,
        `SELECT * FROM orchestration_effects WHERE space_id = ? AND node_id = ? AND status IN ('pending', 'running')
         ORDER BY event_sequence LIMIT ${EFFECTS_PAGE_MAX}`,
        spaceId,
        nodeId,
      ),
    );
    const busyThreads = new Set(rows.filter((row) => row["status"] === "running").map((row) => row["thread_id"]));
    let nextAt = Number.POSITIVE_INFINITY;
    for (const row of rows) {
      if (row["status"] !== "pending") {
        nextAt = Math.min(nextAt, Date.parse(String(row["lease_expires_at"])));
        continue;
      }
      const effect = effectRowOf(row);
      const mayOvertake = OVERTAKING_EFFECTS.has(effect.kind);
      if (busyThreads.has(effect.threadId) && !mayOvertake) continue;
      // A waiting effect keeps later ones of its thread behind it.
      if (!mayOvertake) busyThreads.add(effect.threadId);
      if (String(row["available_at"]) > now) {
        nextAt = Math.min(nextAt, Date.parse(String(row["available_at"])));
        continue;
      }
      await this.#handOver(effect);
      nextAt = Math.min(nextAt, clock.now() + EFFECT_LEASE_MS);
    }
    return nextAt;
  }

  async #handOver(effect: EffectRow): Promise<void> {
    const { store, connections, clock, replicaId } = this.#options;
    const claimed = await store.commit({
      guards: [],
      statements: [
        {
          ...query(
            store.dialect,
            `UPDATE orchestration_effects SET status = 'running', lease_owner = ?, lease_expires_at = ?, fence = fence + 1,
             attempt_count = attempt_count + 1, updated_at = ? WHERE space_id = ? AND effect_id = ? AND status = 'pending' AND fence = ?`,
            replicaId,
            isoTime(clock.now() + EFFECT_LEASE_MS),
            this.#now(),
            effect.spaceId,
            effect.effectId,
            effect.fence,
          ),
          expectChanges: 1,
        },
      ],
    });
    if (claimed.status === "conflict") return;
    const held = { ...effect, fence: effect.fence + 1, attemptCount: effect.attemptCount + 1 };
    try {
      const body = await effectBodyOf(store, held);
      const isSent = connections.runEffect(effect.spaceId as SpaceId, effect.nodeId as NodeId, {
        effectId: effect.effectId,
        fence: held.fence,
        effect: body,
      });
      if (!isSent) await this.#postpone(held, "node_offline");
    } catch (error) {
      const known =
        error instanceof MusterError
          ? error
          : new MusterError("internal_error", undefined, undefined, { cause: error });
      if (!(error instanceof MusterError)) this.#options.onBug(error);
      await this.#fail(held, known.toBody());
    }
  }

  async #postpone(effect: EffectRow, code: string): Promise<void> {
    const { clock, random } = this.#options;
    const delayMs = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(effect.attemptCount - 1, 10));
    const jitter = (random.fill(new Uint8Array(1))[0] ?? 0) / 255;
    await this.#write(
      `UPDATE orchestration_effects SET status = 'pending', lease_owner = NULL, lease_expires_at = NULL, available_at = ?, last_error = ?, updated_at = ?
       WHERE space_id = ? AND effect_id = ? AND status = 'running' AND fence = ?`,
      isoTime(clock.now() + delayMs * (0.5 + jitter / 2)),
      code,
      this.#now(),
      effect.spaceId,
      effect.effectId,
      effect.fence,
    );
  }

  async #fail(effect: EffectRow, error: ErrorBody): Promise<void> {
    await this.#finish(effect, "failed", error.code);
    await this.#options.onFailed(effect, error);
  }

  async #finish(effect: EffectRow, status: "succeeded" | "failed", code: string | null): Promise<void> {
    await this.#write(
      `UPDATE orchestration_effects SET status = ?, lease_owner = NULL, lease_expires_at = NULL, last_error = ?, updated_at = ?
       WHERE space_id = ? AND effect_id = ? AND status = 'running' AND fence = ?`,
      status,
      code,
      this.#now(),
      effect.spaceId,
      effect.effectId,
      effect.fence,
    );
  }

  #schedule(atMs: number): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = null;
    if (!Number.isFinite(atMs) || this.#isClosed) return;
    const { clock, timers } = this.#options;
    this.#cancelAlarm = timers.after(Math.max(ALARM_MIN_MS, atMs - clock.now()), () => this.wake());
  }

  #now(): string {
    return isoTime(this.#options.clock.now());
  }

  async #write(sql: string, ...parameters: string[] | (string | number | null)[]): Promise<void> {
    const { store } = this.#options;
    await store.commit({ guards: [], statements: [query(store.dialect, sql, ...parameters)] });
  }
}
