// Tokens and cost as the agent reports them, kept per turn. ACP tells the cost of the session so far, so a turn's cost
// is the difference to where it stood when the turn began.
import type { Usage } from "@muster/contracts";
import { clean, countOf, cutEnd, type Fields, fieldsOf, textOf } from "./text.ts";

/** More than this is no price but a mistake, and could not be rounded. */
const COST_MAX = 1e9;

/** The session's cost so far, in the agent's currency. */
export class CostMeter {
  #total = 0;
  #atTurnStart = 0;

  beginTurn(): void {
    this.#atTurnStart = this.#total;
  }

  /** Takes the session's total and returns this turn's part. A total that fell means that the agent began to count anew. */
  read(total: number): number {
    if (total < this.#total) this.#atTurnStart = 0;
    this.#total = total;
    // Sums of cents in binary leave dust: a millionth is finer than any price.
    return Math.round((total - this.#atTurnStart) * 1e6) / 1e6;
  }
}

/** From a `usage_update`: how full the context is, and the cost. */
export const usageOfUpdate = (update: Fields, meter: CostMeter): Usage => {
  const contextTokens = countOf(update["used"]);
  const contextWindowTokens = countOf(update["size"]);
  const cost = fieldsOf(update["cost"]);
  const amount = cost["amount"];
  const hasCost = typeof amount === "number" && amount >= 0 && amount <= COST_MAX;
  return {
    ...(contextTokens === undefined ? {} : { contextTokens }),
    ...(contextWindowTokens === undefined ? {} : { contextWindowTokens }),
    ...(hasCost
      ? { cost: { amount: meter.read(amount), currency: cutEnd(clean(textOf(cost["currency"]) ?? ""), 8) } }
      : {}),
  };
};

/** From the answer to a prompt: the turn's tokens, which some agents add to it. */
export const usageOfAnswer = (answer: Fields): Usage => {
  const usage = fieldsOf(answer["usage"]);
  const inputTokens = countOf(usage["inputTokens"]);
  const outputTokens = countOf(usage["outputTokens"]);
  const totalTokens = countOf(usage["totalTokens"]);
  return {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
    ...(totalTokens === undefined ? {} : { totalTokens }),
  };
};
