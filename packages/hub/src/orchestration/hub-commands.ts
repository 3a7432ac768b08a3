// What the hub does by itself: it ends turns and reverts that can no longer end on their node. Its commands carry no
// receipt, because nobody repeats them; a turn that has ended meanwhile is as good.
import type { ErrorBody, InternalCommand, PrincipalId, SpaceId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import type { Actor } from "@muster/core";
import type { Query } from "@muster/store";
import type { NodeIdentity } from "../ports.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { EffectRow } from "./effect-bodies.ts";
import type { LostTurn } from "./lost-turns.ts";
import type { Lost, OpenRevert } from "./reconcile.ts";

/** Bytes one of these commands counts for in a batch. */
const COMMAND_BYTES = 256;

type Settle = Extract<InternalCommand, { type: "thread.turn.settle" }>;

export class HubCommands {
  readonly #dispatcher: Dispatcher;
  readonly #actor: Actor;

  constructor(dispatcher: Dispatcher, hubPrincipalId: PrincipalId) {
    this.#dispatcher = dispatcher;
    this.#actor = { kind: "server", id: hubPrincipalId };
  }

  /** Resolves when the command's events are durable; rejects with what refused it. */
  dispatch(spaceId: SpaceId, command: InternalCommand, condition?: Query): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#dispatcher.submit({
        kind: "hub",
        spaceId,
        sizeBytes: COMMAND_BYTES,
        attempts: 0,
        isAlone: false,
        actor: this.#actor,
        command,
        ...(condition === undefined ? {} : { condition }),
        correlationId: null,
        resolve,
        reject,
      });
    });
  }

  /** Ends what an effect was for, when the effect can never be done. */
  async endAfterFailure(effect: EffectRow, error: ErrorBody): Promise<void> {
    const { spaceId, threadId, turnId, payload } = effect;
    if (effect.kind === "node.turn.start" && turnId !== null) {
      await this.#settle(spaceId, {
        type: "thread.turn.settle",
        threadId,
        turnId,
        status: "error",
        reason: error.code,
        detail: error.message,
      });
    } else if (effect.kind === "node.checkpoint.revert") {
      const { turnCount, mode } = payload as Pick<OpenRevert, "turnCount" | "mode">;
      await this.#endRevert(spaceId, { threadId, turnCount, mode }, error.code);
    }
  }

  /** Ends turns and reverts that their node no longer knows after a restart. */
  async settleForgotten(node: NodeIdentity, { turns, reverts }: Lost): Promise<void> {
    for (const revert of reverts) await this.#endRevert(node.spaceId, revert, "node_restarted");
    for (const { threadId, turnId } of turns) {
      await this.#settle(node.spaceId, {
        type: "thread.turn.settle",
        threadId,
        turnId,
        status: "interrupted",
        reason: "node_restarted",
        detail: null,
      });
    }
  }

  #endRevert(spaceId: SpaceId, revert: OpenRevert, error: string): Promise<void> {
    return this.#unlessEnded(spaceId, {
      type: "thread.revert.complete",
      ...revert,
      safetyRef: null,
      files: [],
      error,
    });
  }

  /** Ends a turn as long as it is lost. False: it has ended, or its node is back. */
  async settleLost({ spaceId, threadId, turnId, reason, condition }: LostTurn): Promise<boolean> {
    const settle: Settle = {
      type: "thread.turn.settle",
      threadId,
      turnId,
      status: "interrupted",
      reason,
      detail: null,
    };
    try {
      await this.dispatch(spaceId, settle, condition);
      return true;
    } catch (error) {
      if (error instanceof MusterError && (error.code === "turn_settled" || error.code === "concurrency_conflict"))
        return false;
      throw error;
    }
  }

  #settle(spaceId: SpaceId, command: Settle): Promise<void> {
    return this.#unlessEnded(spaceId, command);
  }

  async #unlessEnded(spaceId: SpaceId, command: InternalCommand): Promise<void> {
    try {
      await this.dispatch(spaceId, command);
    } catch (error) {
      if (!(error instanceof MusterError) || error.code !== "turn_settled") throw error;
    }
  }
}
