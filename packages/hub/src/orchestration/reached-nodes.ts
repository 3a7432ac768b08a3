// Which starts a node may have under way, so that no new measure is taken of those: the turns that its newest hello names,
// and what was sent since and not answered. Of a node that has not greeted this process nothing is known, nor of one whose
// hello had no room for all its turns.
import type { TurnId } from "@muster/contracts";
import type { NodeIdentity } from "../ports.ts";
import type { EffectRow } from "./effect-bodies.ts";

type Node = Pick<NodeIdentity, "spaceId" | "nodeId">;

export class ReachedNodes {
  /** null: a node that may have anything. As many as nodes have greeted; in each what it runs or was just sent. */
  readonly #turns = new Map<string, Set<TurnId> | null>();

  greeted(node: Node, turnIds: readonly TurnId[], isWhole: boolean): void {
    this.#turns.set(keyOf(node), isWhole ? new Set(turnIds) : null);
  }

  sent(effect: EffectRow): void {
    if (isStart(effect)) this.#turns.get(keyOf(effect))?.add(effect.turnId);
  }

  /** Taken over it is not handed over again, and refused it is not there. */
  answered(effect: EffectRow): void {
    if (isStart(effect)) this.#turns.get(keyOf(effect))?.delete(effect.turnId);
  }

  /** An effect that is being handed over; a hello does not tell of reverts. */
  mayHave(effect: EffectRow): boolean {
    if (effect.attemptCount === 1) return false;
    const turns = this.#turns.get(keyOf(effect));
    return !isStart(effect) || turns === undefined || turns === null || turns.has(effect.turnId);
  }
}

const isStart = (effect: EffectRow): effect is EffectRow & { readonly turnId: TurnId } =>
  effect.kind === "node.turn.start" && effect.turnId !== null;

const keyOf = ({ spaceId, nodeId }: Node): string => `${spaceId}/${nodeId}`;
