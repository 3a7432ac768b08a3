// Effects killed at every step between commit and completion: hub, daemon or both end with SIGKILL at the very moment at
// which one of them passes the step. Each victim has one world, and at its end the checker reads all of it.
import { expect, it } from "vitest";
import { LIVES } from "./lives.ts";
import { World } from "./steps-world.ts";
import type { Role, Trap } from "./trap.ts";

/** What becomes of the turn when its daemon is killed: `completed` before it was taken over and after it was told. */
type Ending = "completed" | "interrupted";
type Step = readonly [role: Role, step: Trap["step"], endings: readonly Ending[], ...about: string[]];

const START = "node.turn.start";
const SETTLE = "thread.turn.settle";
const STEPS: readonly Step[] = [
  ["hub", "effect.committed", ["completed"]],
  ["hub", "effect.claimed", ["completed"], START],
  // On its way while the daemon is killed: it may have been taken over just before.
  ["hub", "effect.sent", ["completed", "interrupted"], START],
  ["daemon", "effect.received", ["completed"], START],
  ["daemon", "effect.recorded", ["interrupted"], START],
  ["daemon", "effect.taken", ["interrupted"], START],
  ["hub", "effect.answer-received", ["interrupted"], START],
  // The turn goes on meanwhile, and may have come to its end.
  ["hub", "effect.finished", ["interrupted", "completed"], START],
  ["daemon", "turn.checkpointed", ["interrupted"]],
  ["daemon", "turn.prompted", ["interrupted"]],
  ["daemon", "turn.speaking", ["interrupted"]],
  ["daemon", "ingest.acknowledged", ["interrupted", "completed"]],
  ["daemon", "turn.answered", ["interrupted"]],
  ["daemon", "turn.told", ["completed"]],
  ["daemon", "ingest.sent", ["completed"], SETTLE],
  ["hub", "ingest.received", ["completed"], SETTLE],
  ["hub", "ingest.committed", ["completed"], SETTLE],
];

it.concurrent.each([[["hub"]], [["daemon"]], [["hub", "daemon"]]] as const)(
  "ORC-24 DMN-27 %s killed at every step of a turn's effect: the turn runs at most once to its end, none is lost, nothing is stuck",
  async (victims) => {
    await using world = await new World().open();
    const wrong: string[] = [];
    for (const [role, step, endings, ...about] of STEPS) {
      const turnId = world.newTurnId();
      // Of this very turn: what the one before left unanswered is offered again.
      const named = step === "effect.committed" || step === "ingest.acknowledged" ? [] : [turnId];
      await world.inTrap({ role, step, about: [...about, ...named], victims }, () =>
        world.startTurn(turnId, "say one", "wait 300 ms", "say two"),
      );
      const { status, reason } = await world.ended(turnId);
      // Without its daemon's death no turn may notice anything.
      const expected: readonly string[] = victims.some((victim) => victim === "daemon") ? endings : ["completed"];
      if (!expected.includes(status) || (status === "interrupted" && reason !== "node_restarted"))
        wrong.push(`${role} ${step}: ${status} (${reason})`);
      await world.rest();
    }
    expect(wrong).toEqual([]);
    await world.expectWhole();
  },
  600_000,
);

it.concurrent.each(["hub", "daemon"] as const)(
  "ORC-24 ORC-31 ORC-32 ORC-35 DMN-27 %s killed at every step of an answer, an interrupt, a stop and a revert: each comes to what it must, once",
  async (victim) => {
    await using world = await new World().open();
    const wrong: string[] = [];
    for (const { name, kills, prepare, live } of LIVES) {
      await prepare?.(world);
      for (const [, role, step, ...about] of kills.filter(([killed]) => killed === victim)) {
        const what = await live(world, { role, step, about, victims: [victim] });
        if (what !== "") wrong.push(`${name}, ${victim} killed at ${role} ${step} ${about.join(" ")}: ${what}`);
        await world.rest();
      }
    }
    expect(wrong).toEqual([]);
    await world.expectWhole();
  },
  600_000,
);
