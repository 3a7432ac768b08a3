import { execFileSync } from "node:child_process";
import type { EffectBody } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, expect, it } from "vitest";
import { endAll, type World } from "../uplink/testing/opened.ts";
import { answered, open, REF, run, THREAD, turn } from "./testing/turns.ts";

afterEach(endAll);

/** The thread's checkpoints of turns, and those put aside. */
const refsOf = (world: World): string[] =>
  execFileSync("git", ["for-each-ref", "--format=%(refname)", `refs/muster/checkpoints/${THREAD}`], {
    cwd: world.workspace,
    encoding: "utf8",
  })
    .split("\n")
    .filter((ref) => ref.includes("/turn/") || ref.includes("/reverted/"))
    .map((ref) => ref.slice(`refs/muster/checkpoints/${THREAD}/`.length));

it("ORC-35 a revert leaves later checkpoints until the hub has it in its log and puts them aside then, once", async () => {
  const world = await open();
  await turn(world, "edit A.md without asking: one");
  await turn(world, "edit B.md without asking: two", { turnCount: 2 });
  const place = { threadId: THREAD, workspaceRoot: world.workspace, worktreePath: null, correlationId: null };
  const event = { turnCount: 1, eventId: "event" };
  run(world, { kind: "node.checkpoint.revert", ...place, ...event, checkpointRef: REF(1), mode: "both" });
  await until("the revert", () => world.hub.commands("thread.revert.complete").length === 1);
  expect(world.hub.commands("thread.revert.complete")).toMatchObject([{ error: null, files: [{ path: "B.md" }] }]);
  expect(refsOf(world)).toEqual(["turn/0", "turn/1", "turn/2"]);

  const drop: EffectBody = { kind: "node.checkpoint.drop", ...place, ...event };
  const outside = run(world, { ...drop, workspaceRoot: world.folder });
  expect(await answered(world, outside)).toMatchObject({ error: { code: "workspace_not_allowed" } });
  expect(refsOf(world)).toEqual(["turn/0", "turn/1", "turn/2"]);
  const effectId = run(world, drop);
  expect(await answered(world, effectId)).not.toHaveProperty("error");
  const dropped = ["reverted/event/2", "reverted/event/start/2", "turn/0", "turn/1"];
  expect(refsOf(world)).toEqual(dropped);

  // The count is used again: the same effect coming once more leaves what is there now.
  await turn(world, "edit C.md without asking: three", { turnCount: 2 });
  world.hub.run(effectId, drop, 2);
  await until(
    "both answers",
    () => world.hub.all("effect.result").filter((result) => result.effectId === effectId).length === 2,
  );
  expect(refsOf(world)).toEqual([...dropped, "turn/2"]);
});
