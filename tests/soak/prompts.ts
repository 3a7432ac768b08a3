// What turns are asked to do: everything that the sample agent can do to a daemon, in doses a small machine bears.
import type { Dice } from "./random.ts";
import { requestOf } from "./record.ts";

export interface Prompt {
  readonly text: string;
  /** It ends only when it is interrupted. */
  readonly hangs: boolean;
}

const WORDS = ["Grüße", "🙂🙃", "eins", "two", "três", "日本語", "— done", "a\tb", "👩‍👩‍👧"];

const STEPS: readonly (readonly [weight: number, step: (dice: Dice) => string])[] = [
  [6, (dice) => `say ${Array.from({ length: dice.between(1, 12) }, () => dice.pick(WORDS)).join(" ")}`],
  [3, (dice) => `stream ${dice.between(5, 60)} chunks of ${dice.between(1, 80)} characters`],
  [1, (dice) => `stream ${dice.between(100, 300)} chunks of ${dice.between(20, 120)} characters`],
  [2, (dice) => `flood ${dice.between(20, 200)}`],
  [1, () => "plan"],
  [1, () => "think about it"],
  [2, (dice) => `edit file-${dice.between(1, 5)}.txt: ${dice.next()}`],
  [2, (dice) => `edit file-${dice.between(1, 5)}.txt without asking: ${dice.next()}`],
  [1, () => "read README.md"],
  [1, (dice) => `run without asking: echo ${dice.between(1, 9)}`],
  [2, () => "ask twice"],
  [1, () => "ask at once"],
  [1, (dice) => `usage ${dice.between(1, 9_999)} tokens`],
  [1, (dice) => `wait ${dice.between(1, 300)} ms`],
];
/** How some turns end otherwise than well. */
const ENDS: readonly string[] = ["fail", "die with last words", "stop with refusal", "stop with max_tokens", "garbage"];
const TOTAL = STEPS.reduce((sum, [weight]) => sum + weight, 0);

function stepOf(dice: Dice): string {
  let left = dice.next() * TOTAL;
  for (const [weight, step] of STEPS) {
    left -= weight;
    if (left < 0) return step(dice);
  }
  return "say nothing more";
}

export function promptOf(dice: Dice, turnId: string): Prompt {
  const lines = [requestOf(turnId), ...Array.from({ length: dice.between(1, 4) }, () => stepOf(dice))];
  if (dice.chance(0.08)) lines.push(dice.pick(ENDS));
  const hangs = dice.chance(0.08);
  if (hangs) lines.push("hang");
  return { text: lines.join("\n"), hangs };
}
