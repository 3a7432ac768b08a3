// Each way in which an agent can misbehave, with a real agent under a real daemon. Long waits are skipped, not waited for.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { groupMembers } from "../processes/index.ts";
import { scriptedAgent } from "../providers/testing/bench.ts";
import { endAll, openDaemon, openWorld, startOf, type World } from "../uplink/testing/opened.ts";
import { type SkippableTimers, skippableTimers } from "./testing/timers.ts";
import {
  agentGroups,
  answered,
  asked,
  interrupt,
  open,
  respond,
  run,
  settled,
  turn,
  typesOf,
} from "./testing/turns.ts";

afterEach(endAll);

const MINUTE_MS = 60_000;
const isAlive = (group: number): boolean => groupMembers(group).some((member) => !member.zombie);
/** Starts a turn and waits until its agent has said something. */
const speaking = async (world: World, text: string, more: Parameters<typeof startOf>[2] = {}) => {
  const effect = startOf(world, text, more);
  run(world, effect);
  await until("its first words", () => world.hub.textOf(effect.turnId) !== "");
  return effect;
};
const waitsFor = (timers: SkippableTimers, delayMs: number) =>
  until(`a wait of ${delayMs} ms`, () => timers.delaysMs.some((left) => left > delayMs - 1_000 && left <= delayMs));

describe("ORC-32 an agent that ends by itself", () => {
  it("at its start leaves the turn an error with what it said", async () => {
    const world = await open(["--die-in-handshake"]);
    const { ending } = await turn(world, "say never");
    expect(ending).toMatchObject({ status: "error", reason: "agent_handshake_failed" });
    expect(ending?.detail).toContain("told to die in the handshake");
  });

  it("in the middle keeps what it said, with the last 4 KiB of its standard error, and the next turn has another", async () => {
    const world = await open();
    const { effect, ending } = await turn(world, `say half of it\ndie with ${"x".repeat(6_000)} the end`);
    expect(world.hub.textOf(effect.turnId)).toBe("half of it");
    expect(ending).toMatchObject({ status: "error", reason: "agent_died" });
    expect(ending?.detail).toMatch(/^x+ the end\n$/);
    expect(Buffer.byteLength(ending?.detail ?? "")).toBe(4_096);
    expect((await turn(world, "say again", { turnCount: 2 })).ending?.status).toBe("completed");
  });

  it("while its question is open: the question expires by its id, and an answer that comes later expires it again", async () => {
    const world = await open();
    const { effect, ending } = await turn(world, "die asking", { runtimeMode: "approval-required" });
    const requestId = await asked(world);
    expect(ending).toMatchObject({ status: "error", reason: "agent_died" });
    const types = world.hub.entries.map(({ command }) => command.type);
    expect(types.indexOf("thread.approval.expire")).toBeLessThan(types.indexOf("thread.turn.settle"));
    expect(await answered(world, run(world, respond(effect.turnId, requestId, "accept")))).not.toHaveProperty("error");
    await until("both", () => world.hub.commands("thread.approval.expire").length === 2);
    expect(world.hub.commands("thread.approval.expire").map((command) => [command.requestId, command.reason])).toEqual([
      [requestId, "agent_gone"],
      [requestId, "agent_gone"],
    ]);
  });
});

describe("ORC-32 an interrupted agent", () => {
  it("that ignores cancel and SIGTERM is killed after 10 s and 5 s, with all it started", async () => {
    const timers = skippableTimers();
    const world = await open([], timers);
    const effect = await speaking(world, "fork\nhang forever");
    await until("it hangs", () => world.hub.textOf(effect.turnId).includes("Hanging"));
    const groups = await agentGroups(world);
    expect(groups).toHaveLength(1);
    run(world, interrupt(effect.turnId));
    await waitsFor(timers, 10_000);
    timers.skip(9_000);
    expect(groups.every(isAlive)).toBe(true);
    timers.skip(1_000);
    await until("the end", () => {
      timers.skip(250);
      return world.hub.commands("thread.turn.settle").length > 0;
    });
    expect(await settled(world, effect.turnId)).toMatchObject({ status: "interrupted", reason: "interrupted" });
    expect(groups.some(isAlive)).toBe(false);
    const next = await turn(world, "say a new one", { turnCount: 2 });
    expect(next.ending?.status).toBe("completed");
  });

  it("that dies between cancel and SIGTERM leaves the turn interrupted, not an error", async () => {
    const timers = skippableTimers();
    const world = await open([], timers);
    const effect = await speaking(world, "hang forever");
    run(world, interrupt(effect.turnId));
    await waitsFor(timers, 10_000);
    for (const group of await agentGroups(world)) process.kill(-group, "SIGKILL");
    expect(await settled(world, effect.turnId)).toMatchObject({ status: "interrupted", detail: null });
    expect(world.hub.activities("turn.failed")).toEqual([]);
  });

  it("that answers late, and as if nothing had been, keeps its last words and is interrupted", async () => {
    const world = await open();
    const effect = await speaking(world, "say on it\nlate");
    run(world, interrupt(effect.turnId));
    expect(await settled(world, effect.turnId)).toMatchObject({ status: "interrupted", reason: "interrupted" });
    expect(world.hub.textOf(effect.turnId)).toContain("One more thing.");
  });
});

describe("ORC-32 a silent agent", () => {
  it("is told as stalled once after ten minutes, is not ended for it, and can still be interrupted", async () => {
    const timers = skippableTimers();
    const world = await open([], timers);
    const effect = await speaking(world, "say on it\nhang");
    timers.skip(10 * MINUTE_MS);
    await until("the activity", () => world.hub.activities("turn.stalled").length === 1);
    timers.skip(100 * MINUTE_MS);
    run(world, interrupt(effect.turnId));
    await settled(world, effect.turnId);
    expect(world.hub.activities("turn.stalled")).toMatchObject([{ turnId: effect.turnId, tone: "info" }]);
  });

  it("is not stalled while it waits for a person", async () => {
    const timers = skippableTimers();
    const world = await open([], timers);
    const effect = startOf(world, "edit NOTES.md: asked", { runtimeMode: "approval-required" });
    run(world, effect);
    const requestId = await asked(world);
    timers.skip(100 * MINUTE_MS);
    run(world, respond(effect.turnId, requestId, "accept"));
    expect(await settled(world, effect.turnId)).toMatchObject({ status: "completed" });
    expect(world.hub.activities("turn.stalled")).toEqual([]);
  });
});

describe("ORC-33 an idle agent", () => {
  it("is ended after 30 minutes, the session says so, and the next turn takes its conversation up, told once", async () => {
    const timers = skippableTimers();
    const world = await open([], timers);
    await turn(world, "say something to remember");
    const groups = await agentGroups(world);
    expect(groups.map(isAlive)).toEqual([true]);
    await until("it is idle", () => timers.delaysMs.some((left) => left > 29 * MINUTE_MS));
    timers.skip(30 * MINUTE_MS);
    await until("its end", () => world.hub.commands("thread.session.set").at(-1)?.status === "stopped");
    expect(world.hub.commands("thread.session.set").at(-1)?.lastError).toBeNull();
    expect(groups.some(isAlive)).toBe(false);
    const next = await turn(world, "recall", { turnCount: 2, preamble: "kept by the hub" });
    expect(world.hub.textOf(next.effect.turnId)).toBe("I remember 1 earlier turn.");
    expect(world.hub.activities("session.started").map(({ payload }) => payload["loaded"])).toEqual([false, true]);
    // What the agent replayed while it loaded was told before.
    expect(world.hub.commands("thread.message.assistant.complete")).toHaveLength(2);
  });
});

describe("ORC-31 an agent that asks more than once", () => {
  it.each([
    ["in the order of its questions", [0, 1]],
    ["in the other order", [1, 0]],
  ] as const)("at the same time is answered %s, each by its own id", async (_how, order) => {
    const world = await open();
    const effect = startOf(world, "ask at once", { runtimeMode: "approval-required" });
    run(world, effect);
    const requests = [await asked(world, 1), await asked(world, 2)];
    for (const index of order) {
      const requestId = requests[index];
      if (requestId === undefined) throw new Error("no such question");
      run(world, respond(effect.turnId, requestId, index === 0 ? "accept" : "decline"));
    }
    expect(await settled(world, effect.turnId)).toMatchObject({ status: "completed" });
    expect(world.hub.textOf(effect.turnId)).toContain("Answers: allowed, rejected.");
    expect(world.hub.commands("thread.approval.expire")).toEqual([]);
  });

  it("the same again after an answer is another question; once allowed for the session it is none, in later turns too", async () => {
    const world = await open();
    const effect = startOf(world, "ask twice", { runtimeMode: "approval-required" });
    run(world, effect);
    run(world, respond(effect.turnId, await asked(world, 1), "accept"));
    const second = await asked(world, 2);
    expect(second).not.toBe(await asked(world, 1));
    run(world, respond(effect.turnId, second, "acceptForSession"));
    await settled(world, effect.turnId);
    const next = await turn(world, "ask twice", { runtimeMode: "approval-required", turnCount: 2 });
    expect(next.ending?.status).toBe("completed");
    expect(world.hub.activities("approval.requested")).toHaveLength(2);
    expect(world.hub.activities("approval.resolved").map(({ payload }) => payload["source"])).toEqual([
      "person",
      "person",
      "remembered",
      "remembered",
    ]);
  });
});

describe("ORC-30 an agent that says what it should not", () => {
  it("a broken line, one of nine megabytes, strays and a flood cost the turn nothing, and the journal little", async () => {
    const world = await open();
    const { effect, ending } = await turn(world, "garbage\ngarbage 9 megabytes\nstray\nflood 20000\nsay still here");
    expect(ending).toMatchObject({ status: "completed" });
    expect(world.hub.textOf(effect.turnId)).toBe("still here");
    expect(world.hub.entries.length).toBeLessThan(30);
    expect(world.hub.activities("tool.completed").at(-1)?.payload["output"]).toContain("the last");
  });
});

describe("ORC-29 a model and an effort", () => {
  it("reach the agent, and what it has no place for is told once in the thread", async () => {
    const world = await open();
    const first = await turn(world, "model", { model: "fancy", effort: "high" });
    expect(world.hub.textOf(first.effect.turnId)).toBe("Model fancy, effort high.");
    for (const turnCount of [2, 3]) {
      const { effect, ending } = await turn(world, "model", { model: "of-others", turnCount });
      expect(ending?.status).toBe("completed");
      expect(world.hub.textOf(effect.turnId)).toBe("Model fancy, effort medium.");
    }
    expect(world.hub.activities("turn.choice-ignored")).toMatchObject([
      { tone: "info", payload: { kind: "model", wanted: "of-others" } },
    ]);
  });
});

describe("an agent whose answers are out of bounds", () => {
  const withScript = async (script: string): Promise<World> => {
    const world = await openWorld();
    await openDaemon(world, { providers: [{ ...scriptedAgent(script), name: "sample" }] });
    return world;
  };

  it("fails its turn alone when the data of its error nests without end", async () => {
    const world = await withScript(`onMessage((message) => {
      greet(message);
      if (message.method !== "session/prompt") return;
      const data = "[".repeat(200_000) + "]".repeat(200_000);
      process.stdout.write('{"jsonrpc":"2.0","id":' + message.id + ',"error":{"code":-1,"message":"no","data":' + data + "}}\\n");
    });`);
    const { ending } = await turn(world, "hello");
    expect(ending).toMatchObject({ status: "error", reason: "agent_error", detail: "no (-1)" });
  });

  it("is used without a choice of models when it nests that without end", async () => {
    const world = await withScript(`onMessage((message) => {
      if (message.method === "initialize") greet(message);
      if (message.method === "session/prompt") send({ id: message.id, result: { stopReason: "end_turn" } });
      if (message.method !== "session/new") return;
      const group = '{"options":['.repeat(100_000) + "]}".repeat(100_000);
      const option = '{"id":"m","category":"model","type":"select","options":[' + group + "]}";
      process.stdout.write('{"jsonrpc":"2.0","id":' + message.id + ',"result":{"sessionId":"s1","configOptions":[' + option + "]}}\\n");
    });`);
    expect((await turn(world, "hello")).ending).toMatchObject({ status: "completed", reason: null });
  });

  it("has its session told all the same when its id has more characters than the contract keeps", async () => {
    const world = await withScript(`onMessage((message) => {
      if (message.method === "initialize") greet(message);
      if (message.method === "session/new") send({ id: message.id, result: { sessionId: "s".repeat(300) } });
      if (message.method === "session/prompt")
        send({ id: message.id, result: { stopReason: message.params.sessionId.length === 300 ? "end_turn" : "refusal" } });
    });`);
    const { effect, ending } = await turn(world, "hello");
    expect(ending).toMatchObject({ status: "completed", reason: null });
    await until("the session's state", () => typesOf(world, effect.turnId).at(-1) === "session:ready");
    expect(typesOf(world, effect.turnId)).toContain("session:running");
    const [id] = world.hub.commands("thread.session.set").flatMap(({ providerThreadId }) => providerThreadId ?? []);
    expect(id).toMatch(/^s{128}…[0-9a-f]{32}$/);
  });
});

it("a checkpoint that the disk refuses is told in the thread, and the turn ends as it would", async () => {
  const world = await open();
  mkdirSync(join(world.home, "checkpoints"), { recursive: true });
  writeFileSync(join(world.home, "checkpoints/scratch"), "in the way");
  const { ending } = await turn(world, "edit NOTES.md without asking: noted");
  expect(ending?.status).toBe("completed");
  const told = world.hub.activities("runtime.error").map(({ payload }) => payload["code"]);
  expect(told).toEqual(["checkpoint_io_failed", "checkpoint_io_failed", "checkpoint_io_failed"]);
  expect(world.hub.commands("thread.turn.diff.complete").map(({ status }) => status)).toEqual(["error", "error"]);
});
