// Hands effects over to nodes: claimed under a lease with a fence that only grows, at most one in flight per thread and
// in event order (interrupt and stop overtake), tried again with backoff while the node is away, cancelled by the
// append that settles their turn. An effect is done when the node has taken it over durably; what follows is ingest.
import type { EffectId, ErrorBody, NodeId, SpaceId, ThreadId, TurnId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { type Clock, isoTime, OVERTAKING_EFFECTS, type Random } from "@muster/core";
import { type Statement, type Store, StoreError } from "@muster/store";
import type { NodeConnections, NodeIdentity } from "../ports.ts";
import type { HubRow } from "../schema/index.ts";
import { type EffectRow, effectBodyOf, effectRowOf } from "./effect-bodies.ts";
import * as statements from "./effect-statements.ts";
import { type Verdict, verdictsOf } from "./effect-verdicts.ts";
import { ReachedNodes } from "./reached-nodes.ts";
import { aboutEffect, type OnHubStep } from "./steps.ts";
import type { Timers } from "./timers.ts";

/** How long a node may take to say that it has taken an effect over. */
export const EFFECT_LEASE_MS = 30_000;
/** How long a revert waits for its node before the thread is given back to its people. */
export const REVERT_WAIT_MS = 15 * 60_000;
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
  readonly onStep?: OnHubStep | undefined;
}

export class EffectWorker {
  readonly #options: EffectWorkerOptions;
  readonly #reached = new ReachedNodes();
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
      .catch((error: unknown) => {
        this.#options.onBug(error);
        // A store that is away or full for a moment must not leave an accepted turn waiting for the next event.
        this.#schedule(this.#options.clock.now() + BACKOFF_BASE_MS);
      })
      .finally(() => {
        this.#running = null;
        if (this.#isWokenAgain) {
          this.#isWokenAgain = false;
          this.wake();
        }
      });
  }

  /** What a node's hello says it runs: it may have of those alone, and of what is sent on its new connection. */
  nodeGreeted(node: NodeIdentity, turnIds: readonly TurnId[], isWhole: boolean): void {
    this.#reached.greeted(node, turnIds, isWhole);
  }

  /** After a reconnect nobody knows what became of what was in flight: it is handed over again, and the node knows it. */
  async nodeConnected(spaceId: SpaceId, nodeId: NodeId): Promise<void> {
    try {
      const { dialect } = this.#options.store;
      await this.#write(statements.takeBackOfNode(dialect, { spaceId, nodeId, now: this.#now() }));
    } finally {
      this.wake();
    }
  }

  /** What a node answered. A result under an older epoch or an older fence than the stored one changes nothing. */
  async result(node: NodeIdentity, result: { effectId: string; fence: number; error?: ErrorBody }): Promise<void> {
    const { store } = this.#options;
    const { spaceId, nodeId, epoch } = node;
    const effectId = result.effectId as EffectId;
    const [row] = await store.read(statements.effectOfNode(store.dialect, { spaceId, effectId, nodeId, epoch }));
    if (row === undefined || row.status !== "running" || row.fence !== result.fence) return;
    const effect = effectRowOf(row);
    // It has said itself whether it has it.
    this.#reached.answered(effect);
    this.#options.onStep?.("effect.answer-received", aboutEffect(effect));
    if (result.error === undefined) await this.#finish(effect, "succeeded", null);
    else if (result.error.retryable) await this.#postpone(effect, result.error.code);
    else await this.#fail(effect, result.error);
    this.#options.onStep?.("effect.finished", aboutEffect(effect));
    this.wake();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelAlarm?.();
    await this.#running;
  }

  async #pass(): Promise<void> {
    const { store, connections } = this.#options;
    await this.#takeBackExpired();
    // By node, so that whatever waits for a machine that is away stands in nobody's way, nor is it even counted. A machine
    // that has moved to another hub is that one's, even where its old socket has not been found dead here yet.
    const nodes = await store.read(statements.nodesWithEffects(store.dialect, {}));
    let nextAt = await this.#giveUpReverts();
    for (const { space_id: spaceId, node_id: nodeId, connection_id: connectionId } of nodes) {
      // Its hello wakes this worker again.
      if (connections.isConnected(spaceId, nodeId, connectionId ?? undefined))
        nextAt = Math.min(nextAt, await this.#passNode(spaceId, nodeId));
    }
    this.#schedule(nextAt);
  }

  /** Effects whose node has not said in time that it took them. */
  async #takeBackExpired(): Promise<void> {
    const { store } = this.#options;
    const now = this.#now();
    const some = await store.read(statements.someExpired(store.dialect, { now }));
    if (some.length > 0) await this.#write(statements.takeBackExpired(store.dialect, { now }));
  }

  /**
   * No turn runs on a thread while its revert is out, so one whose node stays away, or never answers, ends. The append
   * that ends it cancels the effect. Returns when the next one has waited long enough.
   */
  async #giveUpReverts(): Promise<number> {
    const { store, clock, onFailed } = this.#options;
    const waiting = await store.read(statements.openReverts(store.dialect, {}));
    const error = new MusterError("node_offline", "The node did not answer in time.").toBody();
    for (const row of waiting) {
      const endsAt = Date.parse(row.created_at) + REVERT_WAIT_MS;
      if (endsAt > clock.now()) return endsAt;
      await onFailed(effectRowOf(row), error);
    }
    return waiting.length < statements.EFFECTS_PAGE_MAX ? Number.POSITIVE_INFINITY : clock.now();
  }

  /** Hands over what one node can take now. Returns when to look again, in ms since the epoch. */
  async #passNode(spaceId: SpaceId, nodeId: NodeId): Promise<number> {
    const { store } = this.#options;
    const inFlight = await store.read(statements.inFlightOf(store.dialect, { spaceId, nodeId }));
    const busyThreads = new Set(inFlight.map((row) => row.thread_id));
    let nextAt = Math.min(...inFlight.map((row) => Date.parse(row.lease_expires_at)));
    for (let after = 0; ; ) {
      const rows = await store.read(statements.pendingOf(store.dialect, { spaceId, nodeId, after }));
      const { ready: chosen, waitsUntil } = this.#choose(rows, busyThreads);
      nextAt = Math.min(nextAt, waitsUntil);
      const verdicts = await verdictsOf(store, chosen, this.#options.onBug);
      // What waits for its slot is woken by the hello or the attach that opens it.
      const ready = chosen.filter(({ effectId }) => verdicts.get(effectId) !== "wait");
      const claimed = await this.#claim(ready);
      // Whoever was faster with the others may give them back, and nobody would say so here.
      if (claimed.length < ready.length) nextAt = Math.min(nextAt, this.#options.clock.now() + BACKOFF_BASE_MS);
      for (const effect of claimed) {
        nextAt = Math.min(nextAt, this.#options.clock.now() + EFFECT_LEASE_MS);
        this.#options.onStep?.("effect.claimed", aboutEffect(effect));
        await this.#handOver(effect, verdicts.get(effect.effectId));
      }
      if (rows.length < statements.EFFECTS_PAGE_MAX || this.#isClosed) return nextAt;
      after = rows.at(-1)?.event_sequence ?? after;
    }
  }

  /** Of pending effects in event order, those whose turn it is. `busyThreads` grows by the threads of all of them. */
  #choose(
    rows: readonly HubRow<"orchestration_effects">[],
    busyThreads: Set<ThreadId>,
  ): { ready: EffectRow[]; waitsUntil: number } {
    const now = this.#now();
    const ready: EffectRow[] = [];
    let waitsUntil = Number.POSITIVE_INFINITY;
    for (const row of rows) {
      const effect = effectRowOf(row);
      const mayGo = OVERTAKING_EFFECTS.has(effect.kind) || !busyThreads.has(effect.threadId);
      // Whether it goes or waits: later ones of its thread stay behind it.
      busyThreads.add(effect.threadId);
      if (!mayGo) continue;
      if (row.available_at > now) waitsUntil = Math.min(waitsUntil, Date.parse(row.available_at));
      else ready.push(effect);
    }
    return { ready, waitsUntil };
  }

  /** Takes the lease of each in one commit. Another process may have been faster with some. */
  async #claim(effects: readonly EffectRow[]): Promise<EffectRow[]> {
    const { store, clock, replicaId } = this.#options;
    if (effects.length === 0) return [];
    const lease = { replicaId, leaseExpiresAt: isoTime(clock.now() + EFFECT_LEASE_MS), now: this.#now() };
    const result = await store.commit({
      guards: [],
      statements: effects.map(({ spaceId, effectId, fence }) =>
        statements.claimEffect(store.dialect, { ...lease, spaceId, effectId, fence }),
      ),
    });
    if (result.status === "conflict") return [];
    return effects
      .filter((_effect, index) => result.changes[index] === 1)
      .map((effect) => ({ ...effect, fence: effect.fence + 1, attemptCount: effect.attemptCount + 1 }));
  }

  /** Never throws: what goes wrong with one effect is that one's, and its lease runs out. */
  async #handOver(held: EffectRow, verdict: Verdict = "go"): Promise<void> {
    const { store, connections, onBug } = this.#options;
    try {
      // One that may be under way on its node already is sent again as it was.
      if (verdict instanceof MusterError && !this.#reached.mayHave(held)) throw verdict;
      const { spaceId, nodeId, effectId, fence } = held;
      const effect = await effectBodyOf(store, held);
      const { traceparent } = held.payload;
      const traced = typeof traceparent === "string" ? { traceparent } : {};
      if (connections.runEffect(spaceId, nodeId, { effectId, fence, effect, ...traced })) {
        this.#reached.sent(held);
        this.#options.onStep?.("effect.sent", aboutEffect(held));
      } else await this.#postpone(held, "node_offline");
    } catch (error) {
      if (!(error instanceof MusterError)) onBug(error);
      // The store's trouble is none of the effect's: its lease runs out, and it is handed over again.
      if (error instanceof StoreError) return;
      const known = error instanceof MusterError ? error : new MusterError("internal_error");
      await this.#fail(held, known.toBody()).catch(onBug);
    }
  }

  async #postpone({ spaceId, effectId, fence, attemptCount }: EffectRow, code: string): Promise<void> {
    const { store, clock, random } = this.#options;
    const delayMs = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(attemptCount - 1, 10));
    const jitter = (random.fill(new Uint8Array(1))[0] ?? 0) / 255;
    const availableAt = isoTime(clock.now() + delayMs * (0.5 + jitter / 2));
    const values = { spaceId, effectId, fence, availableAt, code, now: this.#now() };
    await this.#write(statements.postponeEffect(store.dialect, values));
  }

  /** What the effect was for ends first: a crash in between hands it over once more and leaves nothing hanging. */
  async #fail(effect: EffectRow, error: ErrorBody): Promise<void> {
    await this.#options.onFailed(effect, error);
    await this.#finish(effect, "failed", error.code);
  }

  /** The end of its turn may just have cancelled it; what became of it is more. */
  async #finish(
    { spaceId, effectId, fence }: EffectRow,
    status: "succeeded" | "failed",
    code: string | null,
  ): Promise<void> {
    const values = { spaceId, effectId, fence, status, code, now: this.#now() };
    await this.#write(statements.finishEffect(this.#options.store.dialect, values));
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

  async #write(statement: Statement): Promise<void> {
    await this.#options.store.commit({ guards: [], statements: [statement] });
  }
}
