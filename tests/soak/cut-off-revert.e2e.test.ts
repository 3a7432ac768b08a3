// A revert that the hub gives up while its machine is in the middle of it and dies: the machine finishes it when it is
// back, before anything else runs, and the thread says at each moment what is known of the files and no more.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ThreadId } from "@muster/contracts";
import { expect, it } from "vitest";
import { until } from "../cli/muster.ts";
import { World } from "./steps-world.ts";
import { armTrap, hasSprung, type Trap } from "./trap.ts";

async function edit(world: World, threadId: ThreadId, names: readonly string[]): Promise<void> {
  world.threadId = threadId;
  const turnId = world.newTurnId();
  await world.startTurn(turnId, ...names.map((name) => `edit ${name} without asking: ${turnId}`));
  await world.ended(turnId);
  await world.rest();
}

async function newThread(world: World): Promise<ThreadId> {
  await world.newThread();
  return world.threadId;
}

it.each<{ step: Trap["step"]; again?: Trap["step"]; left: number }>([
  { step: "revert.begun", left: 3 },
  { step: "revert.changed", left: 2 },
  { step: "revert.changed", again: "revert.changed", left: 2 },
  { step: "revert.changed", again: "revert.restored", left: 2 },
  { step: "revert.restored", left: 1 },
])(
  "ORC-35 DMN-27 a revert given up and killed at $step and again at $again is finished and told, and takes nothing of another thread",
  async ({ step, again, left }) => {
    await using world = await new World().open();
    const { parts } = world;
    const { trapFolder = "" } = parts;
    const isThere = (name: string): boolean => existsSync(join(parts.place.work, "shop", name));
    const springs = async (trap: Trap, work: () => Promise<unknown>): Promise<void> => {
      armTrap(trapFolder, trap);
      await work();
      await until(`the trap at ${trap.step}`, () => hasSprung(trapFolder));
      await parts.daemon.ended();
    };
    const at = (name: Trap["step"]): Trap => ({ role: "daemon", step: name, about: [], victims: ["daemon"] });

    const [mine, theirs] = [await newThread(world), await newThread(world)];
    await edit(world, mine, ["kept.txt"]);
    await edit(world, mine, ["one.txt", "shared.txt", "three.txt"]);
    await edit(world, theirs, ["shared.txt", "theirs.txt"]);
    world.threadId = mine;
    await springs(at(step), () =>
      world.accepted({ type: "thread.checkpoint.revert", threadId: mine, turnCount: 1, mode: "both" }),
    );
    // The other thread's file among them, which is nobody's to take.
    expect(["one.txt", "shared.txt", "three.txt"].filter(isThere)).toHaveLength(left);

    await world.accepted({ type: "thread.turn.interrupt", threadId: mine });
    const told = (kind: string) =>
      world.thread(kind, ({ activities }) => activities.some((activity) => activity.kind === kind));
    const givenUp = await told("revert.given-up");
    expect(givenUp.activities.at(-1)?.summary).toMatch(/whether files were changed is not known until the machine/);
    expect(givenUp.activities.filter(({ kind }) => kind === "revert.late")).toEqual([]);

    if (again !== undefined) await springs(at(again), () => parts.startDaemon().catch(() => {}));
    await parts.startDaemon();
    // What runs next finds whole files: the revert was finished before the machine said that it is there.
    expect(["kept.txt", "one.txt", "shared.txt", "three.txt", "theirs.txt"].filter(isThere)).toEqual([
      "kept.txt",
      "shared.txt",
      "theirs.txt",
    ]);
    const { turns, activities } = await told("revert.late");
    const late = activities.filter(({ kind }) => kind === "revert.late");
    expect(late).toMatchObject([
      {
        tone: "info",
        summary:
          "The revert that was given up went through on the machine after all: 2 files changed back, 1 kept as they are",
        payload: {
          files: [
            { path: "one.txt", outcome: "deleted" },
            { path: "shared.txt", outcome: "kept", reason: "changed by another thread since" },
            { path: "three.txt", outcome: "deleted" },
          ],
        },
      },
    ]);
    expect(turns).toHaveLength(2);

    // The thread still has its turns, and can go back to each.
    await world.accepted({ type: "thread.checkpoint.revert", threadId: mine, turnCount: 2, mode: "files" });
    await told("revert.done");
    expect(["one.txt", "shared.txt", "three.txt"].filter(isThere)).toHaveLength(3);
    await world.expectWhole();
  },
);
