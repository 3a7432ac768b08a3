import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CheckpointRef, EffectBody, ThreadId } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { endAll, openDaemon, openWorld, sampleOf, startOf, type World } from "../uplink/testing/opened.ts";

afterEach(endAll);

const A = "thread-a" as ThreadId;
const B = "thread-b" as ThreadId;

let effects = 0;
const run = (world: World, effect: EffectBody): void => {
  effects += 1;
  world.hub.run(`effect-${effects}`, effect);
};
const turn = async (world: World, workspaceRoot: string, threadId: ThreadId, turnCount: number, text: string) => {
  const effect = startOf(world, text, { threadId, turnCount, workspaceRoot });
  run(world, effect);
  await until("the turn's end", () =>
    world.hub.commands("thread.turn.settle").some(({ turnId }) => turnId === effect.turnId),
  );
};

describe("ORC-35 a revert beside another thread's work", () => {
  for (const where of ["git", "no repository"]) {
    it(`leaves what the other's agent wrote, also in a turn that runs, and what a hand wrote (${where})`, async () => {
      const world = await openWorld();
      await openDaemon(world, { providers: [sampleOf(world.folder)] });
      const workspaceRoot = where === "git" ? world.workspace : join(world.folder, "root", "plain");
      mkdirSync(workspaceRoot, { recursive: true });
      await turn(world, workspaceRoot, A, 1, "edit a1.txt without asking: A1");
      writeFileSync(join(workspaceRoot, "between.txt"), "mine");
      await turn(world, workspaceRoot, A, 2, "edit a2.txt without asking: A2");
      await turn(world, workspaceRoot, B, 1, "edit b1.txt without asking: B1");
      const running = startOf(world, "edit b2.txt without asking: B2\nsay written\nhang", {
        ...{ threadId: B, turnCount: 2, workspaceRoot },
      });
      run(world, running);
      await until("the other's file", () => existsSync(join(workspaceRoot, "b2.txt")));
      writeFileSync(join(workspaceRoot, "hand.txt"), "mine");
      run(world, {
        kind: "node.checkpoint.revert",
        threadId: A,
        workspaceRoot,
        worktreePath: null,
        turnCount: 1,
        checkpointRef: `refs/muster/checkpoints/${A}/turn/1` as CheckpointRef,
        mode: "both",
        eventId: "event-1",
        correlationId: null,
      });
      await until("the revert", () => world.hub.commands("thread.revert.complete").length === 1);
      expect(world.hub.commands("thread.revert.complete")[0]).toMatchObject({
        error: null,
        safetyRef: `refs/muster/checkpoints/${A}/safety/event-1`,
        files: [{ path: "a2.txt", outcome: "deleted" }],
      });
      const names = readdirSync(workspaceRoot).filter((name) => name.endsWith(".txt"));
      expect(names.sort()).toEqual(["a1.txt", "b1.txt", "b2.txt", "between.txt", "hand.txt"]);
      expect(readFileSync(join(workspaceRoot, "b2.txt"), "utf8")).toContain("B2");
    });
  }
});
