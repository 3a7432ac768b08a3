// A turn that is killed with its daemon still gets the checkpoint of its end, before anything else runs in its folder.
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { CheckpointRef, EffectBody, ThreadId } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { atEnd, endAll, openWorld, sampleOf, startOf, startOptions, type World } from "../uplink/testing/opened.ts";

afterEach(endAll);

const PROCESS = new URL("../home/testing/daemon-process.ts", import.meta.url).pathname;
const A = "thread-a" as ThreadId;
const B = "thread-b" as ThreadId;

const spawnDaemon = async (world: World) => {
  const options = startOptions(world, { providers: [sampleOf(world.folder)] });
  const child = spawn(process.execPath, [PROCESS, world.home, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let isGone = false;
  let output = "";
  child.once("exit", () => {
    isGone = true;
  });
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  atEnd(() => child.kill("SIGKILL"));
  await until("the connection", () => output.includes("connected"));
  return {
    kill: async () => {
      child.kill("SIGKILL");
      await until("the exit", () => isGone);
    },
  };
};

let effects = 0;
const run = (world: World, effect: EffectBody) => {
  effects += 1;
  world.hub.run(`effect-${effects}`, effect);
};
const hanging = async (world: World, threadId: ThreadId, file: string) => {
  const effect = startOf(world, `edit ${file} without asking: written\nhang forever`, { threadId });
  run(world, effect);
  await until("the file", () => existsSync(join(world.workspace, file)));
  return effect;
};
/** Calls on the daemon's disk that its journal does not have. */
const begunCalls = (world: World): number => {
  const database = new DatabaseSync(join(world.home, "outbox.db"), { readOnly: true });
  const row = database.prepare("SELECT count(*) AS count FROM begun_calls").get();
  database.close();
  return Number(row?.["count"]);
};
const diffOf = (world: World, turnId: string) =>
  world.hub.commands("thread.turn.diff.complete").find((one) => one.turnId === turnId && one.turnCount === 1);
const settled = (world: World, turnId: string) =>
  until("the ending", () => world.hub.commands("thread.turn.settle").some((one) => one.turnId === turnId));
const revert = async (world: World, threadId: ThreadId) => {
  run(world, {
    kind: "node.checkpoint.revert",
    threadId,
    workspaceRoot: world.workspace,
    worktreePath: null,
    turnCount: 0,
    checkpointRef: `refs/muster/checkpoints/${threadId}/turn/0` as CheckpointRef,
    mode: "both",
    eventId: `event-${threadId}`,
    correlationId: null,
  });
  const ended = () => world.hub.commands("thread.revert.complete").find((one) => one.threadId === threadId);
  await until("the revert", () => ended() !== undefined);
  return ended()?.files;
};

describe("a turn that is killed with its daemon", () => {
  it("ORC-34 has its end taken at the next start, with its diff, before it is settled; ORC-35 a revert takes it back", async () => {
    const world = await openWorld();
    const first = await spawnDaemon(world);
    const turn = await hanging(world, A, "a.txt");
    await first.kill();
    await spawnDaemon(world);
    await settled(world, turn.turnId);
    expect(diffOf(world, turn.turnId)).toMatchObject({
      status: "ready",
      checkpointRef: `refs/muster/checkpoints/${A}/turn/1`,
      files: [{ path: "a.txt", status: "added" }],
    });
    const types = world.hub.entries.map(({ command }) => command.type);
    expect(types.lastIndexOf("thread.turn.diff.complete")).toBeLessThan(types.indexOf("thread.turn.settle"));
    expect(world.hub.activities("checkpoint.late")).toMatchObject([
      { turnId: turn.turnId, payload: { turnCount: 1, threadsBeside: [] } },
    ]);
    expect(await revert(world, A)).toEqual([{ path: "a.txt", outcome: "deleted" }]);
    expect(existsSync(join(world.workspace, "a.txt"))).toBe(false);
  });

  it("ORC-33 a call that had just begun is told once, before the turn's end", async () => {
    const world = await openWorld();
    const first = await spawnDaemon(world);
    const effect = startOf(world, "run without asking: touch begun; sleep 60", { threadId: A });
    run(world, effect);
    await until("the call", () => existsSync(join(world.workspace, "begun")));
    await first.kill();
    expect(begunCalls(world) + world.hub.activities("tool.started").length).toBe(1);
    await spawnDaemon(world);
    await settled(world, effect.turnId);
    expect(world.hub.activities("tool.started")).toMatchObject([
      { turnId: effect.turnId, summary: "touch begun; sleep 60" },
    ]);
    const told = world.hub.entries.map(({ command }) => ("kind" in command ? command.kind : command.type));
    expect(told.indexOf("tool.started")).toBeLessThan(told.indexOf("thread.turn.settle"));
    expect(begunCalls(world)).toBe(0);
  });

  it("ORC-34 beside another thread's turn says that the two cannot be told apart, and ORC-35 a revert keeps what may be the other's", async () => {
    const world = await openWorld();
    const first = await spawnDaemon(world);
    const a = await hanging(world, A, "a.txt");
    const b = await hanging(world, B, "b.txt");
    await first.kill();
    await spawnDaemon(world);
    await settled(world, a.turnId);
    await settled(world, b.turnId);
    expect(
      world.hub.activities("checkpoint.late").map(({ turnId, payload }) => [turnId, payload["threadsBeside"]]),
    ).toEqual([
      [a.turnId, [B]],
      [b.turnId, [A]],
    ]);
    // The first one's file was there before the second began, so that one is told apart.
    expect(await revert(world, A)).toEqual([
      { path: "a.txt", outcome: "deleted" },
      { path: "b.txt", outcome: "kept", reason: "changed by another thread since" },
    ]);
    expect(existsSync(join(world.workspace, "b.txt"))).toBe(true);
  });

  it("ORC-34 has its end taken once, however often the daemon is killed and started", async () => {
    const world = await openWorld();
    let daemon = await spawnDaemon(world);
    const turn = await hanging(world, A, "a.txt");
    for (let round = 0; round < 3; round += 1) {
      await daemon.kill();
      daemon = await spawnDaemon(world);
      await settled(world, turn.turnId);
      writeFileSync(join(world.workspace, "by-hand.txt"), `${round}`);
    }
    const told = world.hub.commands("thread.turn.diff.complete").filter(({ turnCount }) => turnCount === 1);
    expect(told.map(({ files }) => files.map(({ path }) => path))).toEqual([["a.txt"]]);
  });
});
