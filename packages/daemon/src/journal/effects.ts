// Effects taken over from the hub, written down before they are acted on, so that a repeated one is answered and not run
// again. A turn has a row of its own that lives on after its effect was answered: what runs must be found after a crash.
import { type CommandId, EffectBody, ErrorBody, MusterError, type ThreadId, type TurnId } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import { change, pick, required, type Statement, type Store, select, text } from "@muster/store";
import { z } from "zod";
import { DAEMON_TABLES, type EffectState } from "../schema/index.ts";
import { EFFECTS_KEPT_MS } from "./limits.ts";

/** What is needed to settle a turn without its effect. */
export interface TurnFacts {
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
  readonly providerName: string;
  readonly correlationId: CommandId | null;
  /** Where it works, for the checkpoint of its end; turns of an older version have none. */
  readonly place?: { readonly workspaceRoot: string; readonly turnCount: number } | undefined;
}

export type RevertEffect = Extract<EffectBody, { kind: "node.checkpoint.revert" }>;

export type Taken =
  /** Not seen before: record it, then act. */
  | { readonly status: "new" }
  /** Recorded, but not known to have ended: the process that took it over was killed, or still works on it. */
  | { readonly status: "unfinished" }
  /** Answered before. */
  | { readonly status: "answered"; readonly error: ErrorBody | null };

export type TurnState = Extract<EffectState, "running" | "settled" | "interrupted">;

const { effects_seen: seen } = DAEMON_TABLES;

const effectOf = select({
  request: { effectId: seen.effect_id },
  row: pick(seen, "fence", "state", "result_json"),
  sql: "SELECT fence, state, result_json FROM effects_seen WHERE effect_id = :effectId",
});

/** A turn's row has its facts while it runs. */
const runningRows = select({
  request: {},
  row: { result_json: required(seen.result_json) },
  sql: "SELECT result_json FROM effects_seen WHERE state = 'running' ORDER BY seen_at",
});

const begunRows = select({
  request: {},
  row: { effect_id: seen.effect_id, result_json: required(seen.result_json) },
  sql: `SELECT effect_id, result_json FROM effects_seen WHERE state = 'accepted' AND result_json IS NOT NULL
    ORDER BY seen_at`,
});

const recordEffect = change({
  request: { effectId: seen.effect_id, fence: seen.fence, state: seen.state, at: text() },
  sql: `INSERT INTO effects_seen (effect_id, fence, state, result_json, seen_at, updated_at)
    VALUES (:effectId, :fence, :state, NULL, :at, :at)
    ON CONFLICT (effect_id) DO UPDATE SET fence = max(fence, excluded.fence), updated_at = excluded.updated_at`,
});

const keepRevert = change({
  request: { effectId: seen.effect_id, effect: text(), at: text() },
  sql: `UPDATE effects_seen SET result_json = :effect, updated_at = :at
    WHERE effect_id = :effectId AND state = 'accepted'`,
});

const finishEffect = change({
  request: { effectId: seen.effect_id, state: seen.state, result: seen.result_json, at: text() },
  sql: "UPDATE effects_seen SET state = :state, result_json = :result, updated_at = :at WHERE effect_id = :effectId",
});

const buryTurn = change({
  request: { effectId: seen.effect_id, at: text() },
  sql: `INSERT INTO effects_seen (effect_id, fence, state, result_json, seen_at, updated_at)
    VALUES (:effectId, 0, 'interrupted', NULL, :at, :at) ON CONFLICT (effect_id) DO NOTHING`,
});

const putTurn = change({
  request: { effectId: seen.effect_id, state: seen.state, result: seen.result_json, at: text() },
  sql: `INSERT INTO effects_seen (effect_id, fence, state, result_json, seen_at, updated_at)
    VALUES (:effectId, 0, :state, :result, :at, :at)
    ON CONFLICT (effect_id)
    DO UPDATE SET state = excluded.state, result_json = excluded.result_json, updated_at = excluded.updated_at`,
});

const deleteEnded = change({
  request: { before: text() },
  sql: "DELETE FROM effects_seen WHERE state IN ('done', 'failed', 'settled', 'interrupted') AND updated_at < :before",
});

const TurnFactsJson = z.object({
  threadId: z.string(),
  turnId: z.string(),
  providerName: z.string(),
  correlationId: z.string().nullable(),
  place: z.object({ workspaceRoot: z.string(), turnCount: z.int().min(0) }).optional(),
});

const turnKey = (turnId: TurnId): string => `turn:${turnId}`;

export class EffectLedger {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(options: { readonly store: Store; readonly clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /** What is known of the effect. @throws MusterError `concurrency_conflict` for a fence below one seen. */
  async look(effectId: string, fence: number): Promise<Taken> {
    const [row] = await this.#store.read(effectOf("sqlite", { effectId }));
    if (row === undefined) return { status: "new" };
    if (fence < row.fence) {
      const details = { fence, seen: row.fence };
      throw new MusterError("concurrency_conflict", `The effect was seen with the fence ${row.fence}.`, details);
    }
    if (row.state === "accepted") return { status: "unfinished" };
    const { result_json: result } = row;
    return { status: "answered", error: result === null ? null : ErrorBody.parse(JSON.parse(result)) };
  }

  /** Writes the effect down, or the higher fence it came back with. */
  record(effectId: string, fence: number, state: "accepted" | "done" = "accepted"): Statement {
    return recordEffect("sqlite", { effectId, fence, state, at: this.#now() });
  }

  /** From here on the revert has to come to its end here, whether its effect comes again or not. */
  beginRevert(effectId: string, effect: RevertEffect): Statement {
    return keepRevert("sqlite", { effectId, effect: JSON.stringify(effect), at: this.#now() });
  }

  async hasBegun(effectId: string): Promise<boolean> {
    const [row] = await this.#store.read(effectOf("sqlite", { effectId }));
    return row?.state === "accepted" && row.result_json !== null;
  }

  /** Reverts that have begun and not ended, oldest first. */
  async begunReverts(): Promise<{ readonly effectId: string; readonly effect: RevertEffect }[]> {
    const rows = await this.#store.read(begunRows("sqlite", {}));
    return rows.flatMap((row) => {
      const effect = EffectBody.parse(JSON.parse(row.result_json));
      return effect.kind === "node.checkpoint.revert" ? [{ effectId: row.effect_id, effect }] : [];
    });
  }

  finish(effectId: string, error: ErrorBody | null): Statement {
    return finishEffect("sqlite", {
      effectId,
      state: error === null ? "done" : "failed",
      result: error === null ? null : JSON.stringify(error),
      at: this.#now(),
    });
  }

  async turnState(turnId: TurnId): Promise<TurnState | null> {
    const [row] = await this.#store.read(effectOf("sqlite", { effectId: turnKey(turnId) }));
    // Rows of turns have no other states.
    return row === undefined ? null : (row.state as TurnState);
  }

  turnRunning(facts: TurnFacts): Statement {
    return this.#turn(facts.turnId, "running", JSON.stringify(facts));
  }

  turnSettled(turnId: TurnId): Statement {
    return this.#turn(turnId, "settled", null);
  }

  /** The turn is to be interrupted before its start has come. */
  tombstone(turnId: TurnId): Statement {
    return buryTurn("sqlite", { effectId: turnKey(turnId), at: this.#now() });
  }

  /** Turns that were taken over and have not ended, oldest first. */
  async runningTurns(): Promise<TurnFacts[]> {
    const rows = await this.#store.read(runningRows("sqlite", {}));
    return rows.map((row) => TurnFactsJson.parse(JSON.parse(row.result_json)) as TurnFacts);
  }

  /** Forgets what ended long ago. */
  prune(): Statement {
    return deleteEnded("sqlite", { before: isoTime(this.#clock.now() - EFFECTS_KEPT_MS) });
  }

  #turn(turnId: TurnId, state: TurnState, result: string | null): Statement {
    return putTurn("sqlite", { effectId: turnKey(turnId), state, result, at: this.#now() });
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}
