// Effects taken over from the hub, written down before they are acted on, so that a repeated one is answered and not run
// again. A turn has a row of its own that lives on after its effect was answered: what runs must be found after a crash.
import { type CommandId, EffectBody, ErrorBody, MusterError, type ThreadId, type TurnId } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import { queryBuilder, type Statement, type Store, template } from "@muster/store";
import { z } from "zod";
import type { DaemonDatabase, EffectState } from "../schema/index.ts";
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

const builder = queryBuilder<DaemonDatabase>("sqlite");
const rowOf = template<{ id: string }>((value) =>
  builder.selectFrom("effects_seen").select(["fence", "state", "result_json"]).where("effect_id", "=", value("id")),
);
const runningRows = builder
  .selectFrom("effects_seen")
  .select("result_json")
  .where("state", "=", "running")
  .orderBy("seen_at")
  .compile();

const begunRows = builder
  .selectFrom("effects_seen")
  .select(["effect_id", "result_json"])
  .where("state", "=", "accepted")
  .where("result_json", "is not", null)
  .orderBy("seen_at")
  .compile();

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
    const [row] = await this.#store.read(rowOf({ id: effectId }));
    if (row === undefined) return { status: "new" };
    const seen = Number(row["fence"]);
    if (fence < seen)
      throw new MusterError("concurrency_conflict", `The effect was seen with the fence ${seen}.`, { fence, seen });
    if (row["state"] === "accepted") return { status: "unfinished" };
    const result = row["result_json"];
    return { status: "answered", error: typeof result === "string" ? ErrorBody.parse(JSON.parse(result)) : null };
  }

  /** Writes the effect down, or the higher fence it came back with. */
  record(effectId: string, fence: number, state: "accepted" | "done" = "accepted"): Statement {
    const at = this.#now();
    return {
      sql: `INSERT INTO effects_seen (effect_id, fence, state, result_json, seen_at, updated_at) VALUES (?, ?, ?, NULL, ?, ?)
            ON CONFLICT (effect_id) DO UPDATE SET fence = max(fence, excluded.fence), updated_at = excluded.updated_at`,
      parameters: [effectId, fence, state, at, at],
    };
  }

  /** From here on the revert has to come to its end here, whether its effect comes again or not. */
  beginRevert(effectId: string, effect: RevertEffect): Statement {
    return {
      sql: "UPDATE effects_seen SET result_json = ?, updated_at = ? WHERE effect_id = ? AND state = 'accepted'",
      parameters: [JSON.stringify(effect), this.#now(), effectId],
    };
  }

  async hasBegun(effectId: string): Promise<boolean> {
    const [row] = await this.#store.read(rowOf({ id: effectId }));
    return row?.["state"] === "accepted" && row["result_json"] !== null;
  }

  /** Reverts that have begun and not ended, oldest first. */
  async begunReverts(): Promise<{ readonly effectId: string; readonly effect: RevertEffect }[]> {
    const rows = await this.#store.read({ sql: begunRows.sql, parameters: ["accepted"] });
    return rows.flatMap((row) => {
      const effect = EffectBody.parse(JSON.parse(String(row["result_json"])));
      return effect.kind === "node.checkpoint.revert" ? [{ effectId: String(row["effect_id"]), effect }] : [];
    });
  }

  finish(effectId: string, error: ErrorBody | null): Statement {
    return {
      sql: "UPDATE effects_seen SET state = ?, result_json = ?, updated_at = ? WHERE effect_id = ?",
      parameters: [
        error === null ? "done" : "failed",
        error === null ? null : JSON.stringify(error),
        this.#now(),
        effectId,
      ],
    };
  }

  async turnState(turnId: TurnId): Promise<TurnState | null> {
    const [row] = await this.#store.read(rowOf({ id: turnKey(turnId) }));
    return row === undefined ? null : (String(row["state"]) as TurnState);
  }

  turnRunning(facts: TurnFacts): Statement {
    return this.#turn(facts.turnId, "running", JSON.stringify(facts));
  }

  turnSettled(turnId: TurnId): Statement {
    return this.#turn(turnId, "settled", null);
  }

  /** The turn is to be interrupted before its start has come. */
  tombstone(turnId: TurnId): Statement {
    const at = this.#now();
    return {
      sql: `INSERT INTO effects_seen (effect_id, fence, state, result_json, seen_at, updated_at) VALUES (?, 0, 'interrupted', NULL, ?, ?)
            ON CONFLICT (effect_id) DO NOTHING`,
      parameters: [turnKey(turnId), at, at],
    };
  }

  /** Turns that were taken over and have not ended, oldest first. */
  async runningTurns(): Promise<TurnFacts[]> {
    const rows = await this.#store.read({ sql: runningRows.sql, parameters: ["running"] });
    return rows.map((row) => TurnFactsJson.parse(JSON.parse(String(row["result_json"]))) as TurnFacts);
  }

  /** Forgets what ended long ago. */
  prune(): Statement {
    return {
      sql: "DELETE FROM effects_seen WHERE state IN ('done', 'failed', 'settled', 'interrupted') AND updated_at < ?",
      parameters: [isoTime(this.#clock.now() - EFFECTS_KEPT_MS)],
    };
  }

  #turn(turnId: TurnId, state: TurnState, result: string | null): Statement {
    const at = this.#now();
    return {
      sql: `INSERT INTO effects_seen (effect_id, fence, state, result_json, seen_at, updated_at) VALUES (?, 0, ?, ?, ?, ?)
            ON CONFLICT (effect_id) DO UPDATE SET state = excluded.state, result_json = excluded.result_json, updated_at = excluded.updated_at`,
      parameters: [turnKey(turnId), state, result, at, at],
    };
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}
