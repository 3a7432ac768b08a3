import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EffectBody, NodeRequest } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  endAll,
  openDaemon,
  openWorld,
  sampleOf,
  startOf,
  temporaryFolder,
  type World,
} from "../uplink/testing/opened.ts";
import {
  agentGroups,
  answered,
  asked,
  interrupt,
  open,
  REF,
  respond,
  run,
  settled,
  THREAD,
  turn,
  typesOf,
} from "./testing/turns.ts";

afterEach(endAll);

describe("a turn", () => {
  it("ORC-29 ORC-34 goes from the effect through baseline, text, tools and checkpoint to its end, in that order", async () => {
    const world = await open();
    const { effect, ending } = await turn(world, "say hello\nedit NOTES.md without asking: noted\nusage 50 tokens", {
      correlationId: "command-1" as never,
    });
    expect(ending).toMatchObject({ status: "completed", reason: null });
    await until("the session's state", () => typesOf(world, effect.turnId).at(-1) === "session:ready");
    expect(typesOf(world, effect.turnId)).toEqual([
      "thread.turn.diff.complete",
      "session:starting",
      "session.started",
      "session:running",
      "thread.message.assistant.complete",
      // Begun live, and recorded once.
      "tool.completed",
      "usage.updated",
      "thread.message.assistant.complete",
      // The last figure is never lost to the throttle.
      "usage.updated",
      "thread.turn.diff.complete",
      "thread.turn.settle",
      "session:ready",
    ]);
    expect(world.hub.all("call")).toMatchObject([
      { call: { turnId: effect.turnId, tool: { title: "Write NOTES.md" } } },
    ]);
    const [baseline, after] = world.hub.commands("thread.turn.diff.complete");
    expect(baseline).toMatchObject({ turnCount: 0, checkpointRef: REF(0), status: "ready", files: [], diff: "" });
    expect(after).toMatchObject({ turnCount: 1, checkpointRef: REF(1), status: "ready", truncated: false });
    expect(after?.files).toMatchObject([{ path: "NOTES.md", status: "added", additions: 1 }]);
    expect(after?.diff).toContain("+noted");
    expect(world.hub.textOf(effect.turnId)).toContain("hello");
    expect(new Set(world.hub.entries.map(({ correlationId }) => correlationId))).toEqual(new Set(["command-1"]));
    const running = world.hub.commands("thread.session.set").find(({ status }) => status === "running");
    expect(running).toMatchObject({ providerName: "sample", activeTurnId: effect.turnId });
    expect([running?.providerSessionId, running?.providerThreadId]).not.toContain(null);
  });

  it("ORC-23 streams live text that the journal's text repeats, in a few entries", async () => {
    const world = await open();
    const { effect } = await turn(world, "stream 200 chunks of 300 characters");
    const text = world.hub.textOf(effect.turnId);
    expect(text).toHaveLength(60_000);
    expect(world.hub.commands("thread.message.assistant.delta").length).toBeLessThanOrEqual(8);
    for (const { delta } of world.hub.all("delta"))
      expect(text.slice(delta.offset, delta.offset + delta.text.length)).toBe(delta.text);
    expect(world.hub.all("delta").length).toBeGreaterThan(0);
  });

  it("a tool that updates all the time costs a few entries, and its end is always told", async () => {
    const world = await open();
    await turn(world, "flood 300");
    expect(world.hub.activities("tool.updated").length).toBeLessThanOrEqual(3);
    expect(world.hub.activities("tool.completed")).toHaveLength(1);
  });

  it("the second of a thread runs in the same process, after the first, and its diff is its own", async () => {
    const world = await open();
    const first = startOf(world, "edit A.md without asking: one");
    const second = startOf(world, "edit B.md without asking: two\nrecall", { turnCount: 2 });
    run(world, first);
    run(world, second);
    await settled(world, second.turnId);
    expect(world.hub.commands("thread.turn.settle").map(({ turnId }) => turnId)).toEqual([first.turnId, second.turnId]);
    expect(
      world.hub
        .commands("thread.turn.diff.complete")
        .map(({ turnCount, files }) => [turnCount, files.map(({ path }) => path)]),
    ).toEqual([
      [0, []],
      [1, ["A.md"]],
      [2, ["B.md"]],
    ]);
    expect(world.hub.activities("session.started")).toHaveLength(1);
    expect(world.hub.textOf(second.turnId)).toContain("I remember 1 ");
  });
});

describe("ORC-31 questions", () => {
  it("go to the hub and are answered by it, and a second answer expires what is no longer there", async () => {
    const world = await open();
    const effect = startOf(world, "edit NOTES.md: asked", { runtimeMode: "approval-required" });
    run(world, effect);
    const requestId = await asked(world);
    expect(existsSync(join(world.workspace, "NOTES.md"))).toBe(false);
    expect(await answered(world, run(world, respond(effect.turnId, requestId, "accept")))).not.toHaveProperty("error");
    await settled(world, effect.turnId);
    expect(readFileSync(join(world.workspace, "NOTES.md"), "utf8")).toBe("asked");
    expect(world.hub.activities("approval.resolved")).toMatchObject([
      { payload: { requestId, decision: "accept", source: "person" } },
    ]);
    expect(world.hub.commands("thread.approval.expire")).toEqual([]);
    // What is asked about is recorded before the question, with its edits, which its end does not repeat.
    const ofCall = (kind: string) => kind.startsWith("tool.") || kind.startsWith("approval.");
    expect(typesOf(world, effect.turnId).filter(ofCall)).toEqual([
      "tool.started",
      "approval.requested",
      "approval.resolved",
      "tool.completed",
    ]);
    expect(world.hub.activities("tool.started")).toMatchObject([{ payload: { edits: [{ newText: "asked" }] } }]);
    expect(world.hub.activities("tool.completed")[0]?.payload).not.toHaveProperty("edits");
    await answered(world, run(world, respond(effect.turnId, requestId, "decline")));
    await until("the expiry", () => world.hub.commands("thread.approval.expire").length === 1);
    expect(world.hub.commands("thread.approval.expire")).toMatchObject([{ requestId, reason: "agent_gone" }]);
  });

  it("declined leaves the file alone", async () => {
    const world = await open();
    const effect = startOf(world, "edit NOTES.md: asked", { runtimeMode: "approval-required" });
    run(world, effect);
    run(world, respond(effect.turnId, await asked(world), "decline"));
    await settled(world, effect.turnId);
    expect(existsSync(join(world.workspace, "NOTES.md"))).toBe(false);
  });

  it("whose agent died expire by their id before the turn settles as an error", async () => {
    const world = await open();
    const effect = startOf(world, "edit NOTES.md: asked", { runtimeMode: "approval-required" });
    run(world, effect);
    const requestId = await asked(world);
    for (const group of await agentGroups(world)) process.kill(-group, "SIGKILL");
    expect(await settled(world, effect.turnId)).toMatchObject({ status: "error", reason: "agent_died" });
    expect(world.hub.commands("thread.approval.expire")).toMatchObject([{ requestId }]);
    const order = world.hub.entries.map(({ command }) => command.type);
    expect(order.indexOf("thread.approval.expire")).toBeLessThan(order.indexOf("thread.turn.settle"));
  });
});

describe("ORC-32 interrupts", () => {
  it("end a running turn, and the session goes on", async () => {
    const world = await open();
    const effect = startOf(world, "say started\nhang");
    run(world, effect);
    await until("the text", () => world.hub.textOf(effect.turnId) !== "");
    expect(await answered(world, run(world, interrupt(effect.turnId)))).not.toHaveProperty("error");
    expect(await settled(world, effect.turnId)).toMatchObject({ status: "interrupted", reason: "interrupted" });
    const next = await turn(world, "recall", { turnCount: 2 });
    expect(next.ending?.status).toBe("completed");
    expect(world.hub.activities("session.started")).toHaveLength(1);
  });

  it("DMN-27 that overtake their start leave a tombstone: the start settles interrupted, unstarted", async () => {
    const world = await open();
    const effect = startOf(world, "edit NOTES.md without asking: never");
    await answered(world, run(world, interrupt(effect.turnId)));
    expect(await answered(world, run(world, effect))).not.toHaveProperty("error");
    expect(await settled(world, effect.turnId)).toMatchObject({
      status: "interrupted",
      reason: "interrupted_before_start",
    });
    expect(existsSync(join(world.workspace, "NOTES.md"))).toBe(false);
    expect(world.hub.entries).toHaveLength(1);
  });

  it("reach a turn that waits behind another of its thread", async () => {
    const world = await open();
    const first = startOf(world, "say first\nhang");
    const second = startOf(world, "edit NOTES.md without asking: never", { turnCount: 2 });
    run(world, first);
    await until("the text", () => world.hub.textOf(first.turnId) !== "");
    await answered(world, run(world, second));
    await answered(world, run(world, interrupt(second.turnId)));
    run(world, interrupt(first.turnId));
    expect(await settled(world, second.turnId)).toMatchObject({ status: "interrupted" });
    expect(existsSync(join(world.workspace, "NOTES.md"))).toBe(false);
  });

  it("do not wait for an agent that is slow to start", async () => {
    const world = await open(["--slow-handshake"]);
    const effect = startOf(world, "say never");
    run(world, effect);
    await until("the start", () =>
      world.hub.commands("thread.session.set").some(({ status }) => status === "starting"),
    );
    run(world, interrupt(effect.turnId));
    expect(await settled(world, effect.turnId)).toMatchObject({ status: "interrupted" });
  });

  it("the hub's word in hello_ack ends a turn it no longer counts as running", async () => {
    const world = await open();
    const effect = startOf(world, "say started\nhang");
    run(world, effect);
    await until("the text", () => world.hub.textOf(effect.turnId) !== "");
    world.hub.behaviour.stopTurns = [{ threadId: THREAD, turnId: effect.turnId }];
    world.hub.current.socket.terminate();
    const hello = await world.hub.next("hello", 2);
    expect(hello.runningTurns).toEqual([{ threadId: THREAD, turnId: effect.turnId }]);
    expect(await settled(world, effect.turnId)).toMatchObject({ status: "interrupted", reason: "settled_by_hub" });
  });
});

describe("DMN-27 effects", () => {
  it("that come again are answered and not run again, under a higher fence too; a lower one is refused", async () => {
    const world = await open();
    const effect = startOf(world, "edit NOTES.md without asking: once");
    world.hub.run("again", effect, 3);
    await settled(world, effect.turnId);
    world.hub.run("again", effect, 3);
    world.hub.run("again", effect, 5);
    world.hub.run("again", effect, 4);
    const results = () => world.hub.all("effect.result").filter(({ effectId }) => effectId === "again");
    await until("all answers", () => results().length === 4);
    expect(
      results()
        .map(({ fence, error }) => [fence, error?.code])
        .sort(),
    ).toEqual([
      [3, undefined],
      [3, undefined],
      [4, "concurrency_conflict"],
      [5, undefined],
    ]);
    expect(world.hub.commands("thread.turn.settle")).toHaveLength(1);
    expect(world.hub.activities("tool.completed")).toHaveLength(1);
  });

  it("that come twice at once run once", async () => {
    const world = await open();
    const effect = startOf(world, "say once");
    for (const fence of [1, 1, 2]) world.hub.run("burst", effect, fence);
    await until("all answers", () => world.hub.all("effect.result").length === 3);
    await settled(world, effect.turnId);
    expect(world.hub.textOf(effect.turnId)).toBe("once");
  });

  it("of one turn under another id start nothing twice", async () => {
    const world = await open();
    const { effect } = await turn(world, "say once");
    expect(await answered(world, run(world, effect))).not.toHaveProperty("error");
    expect(world.hub.commands("thread.turn.settle")).toHaveLength(1);
  });
});

describe("turns that cannot run settle with a code, never hang", () => {
  it.each([
    ["a workspace outside the roots", "workspace_not_allowed", (world: World) => ({ workspaceRoot: world.folder })],
    [
      "a workspace that is not there",
      "workspace_unavailable",
      (world: World) => ({ workspaceRoot: join(world.workspace, "nothing") }),
    ],
    [
      "a link that leads out",
      "workspace_not_allowed",
      (world: World) => {
        symlinkSync(temporaryFolder(), join(world.workspace, "link"));
        return { worktreePath: join(world.workspace, "link") };
      },
    ],
    ["an agent nobody knows", "provider_unknown", () => ({ provider: "nobody" })],
    ["an agent that is not installed", "agent_not_found", () => ({ provider: "missing" })],
  ])("%s", async (_what, code, more) => {
    const world = await openWorld();
    await openDaemon(world, {
      providers: [sampleOf(world.folder), { name: "missing", command: "no-such-agent-anywhere" }],
    });
    const { ending } = await turn(world, "say never", more(world));
    expect(ending).toMatchObject({ status: "error", reason: code });
    expect(ending?.detail?.length).toBeGreaterThan(10);
    const next = await turn(world, "say still there", { turnCount: 2 });
    expect(next.ending?.status).toBe("completed");
  });

  it("an agent that wants a login says so", async () => {
    const world = await open(["--login-required"]);
    expect((await turn(world, "say never")).ending).toMatchObject({ status: "error", reason: "agent_login_required" });
  });

  it("ORC-32 an agent that dies leaves its last words, and the next turn starts another and takes the conversation up", async () => {
    const world = await open();
    await turn(world, "say one");
    const died = await turn(world, "die with famous last words", { turnCount: 2 });
    expect(died.ending).toMatchObject({ status: "error", reason: "agent_died" });
    expect(died.ending?.detail).toContain("famous last words");
    expect(world.hub.activities("turn.failed")).toMatchObject([
      {
        turnId: died.effect.turnId,
        tone: "error",
        summary: expect.stringContaining("famous last words"),
        payload: { reason: "agent_died", detail: expect.stringContaining("famous last words") },
      },
    ]);
    await until("the state", () => world.hub.commands("thread.session.set").some(({ status }) => status === "error"));
    const next = await turn(world, "recall", { turnCount: 3, preamble: "the conversation so far" });
    expect(world.hub.textOf(next.effect.turnId)).toMatch(/I remember [12] /);
    expect(world.hub.activities("session.started").map(({ payload }) => payload["loaded"])).toEqual([false, true]);
  });
});

describe("ORC-33 after a restart", () => {
  it("a conversation that can be loaded is, and one that cannot begins with what the hub kept", async () => {
    for (const [args, expected] of [
      [[], "I remember 1 "],
      [["--no-load"], "kept by the hub"],
    ] as const) {
      const world = await openWorld();
      const options = { providers: [sampleOf(world.folder, args)] };
      const first = await openDaemon(world, options);
      await turn(world, "say something to remember");
      await first.prepared.close();
      await openDaemon(world, options);
      const { effect } = await turn(world, args.length === 0 ? "recall\nrepeat" : "repeat", {
        turnCount: 2,
        preamble: "kept by the hub",
      });
      const text = world.hub.textOf(effect.turnId);
      expect(text).toContain(expected);
      if (args.length === 0) expect(text).not.toContain("kept by the hub");
    }
  });
});

describe("ORC-35 reverts", () => {
  const revertTo = (world: World, turnCount: number, mode: "both" | "files" | "conversation"): EffectBody => ({
    kind: "node.checkpoint.revert",
    threadId: THREAD,
    workspaceRoot: world.workspace,
    worktreePath: null,
    turnCount,
    checkpointRef: REF(turnCount),
    mode,
    eventId: `event-${turnCount}-${mode}`,
    correlationId: null,
  });
  const reverted = async (world: World, effect: EffectBody) => {
    const before = world.hub.commands("thread.revert.complete").length;
    const effectId = run(world, effect);
    await until("the revert", () => world.hub.commands("thread.revert.complete").length > before);
    expect(await answered(world, effectId)).not.toHaveProperty("error");
    return world.hub.commands("thread.revert.complete").at(-1);
  };
  const twoTurns = async (): Promise<World> => {
    const world = await open();
    await turn(world, "edit A.md without asking: one");
    await turn(world, "edit B.md without asking: two", { turnCount: 2 });
    return world;
  };

  it("bring files back, forget the conversation, and the next turn begins with what is kept", async () => {
    const world = await twoTurns();
    const done = await reverted(world, revertTo(world, 1, "both"));
    expect(done).toMatchObject({
      turnCount: 1,
      mode: "both",
      error: null,
      files: [{ path: "B.md", outcome: "deleted" }],
    });
    expect(done?.safetyRef).toContain("/safety/event-1-both");
    expect([existsSync(join(world.workspace, "A.md")), existsSync(join(world.workspace, "B.md"))]).toEqual([
      true,
      false,
    ]);
    const next = await turn(world, "repeat", { turnCount: 2, preamble: "the kept conversation" });
    expect(world.hub.textOf(next.effect.turnId)).toContain("the kept conversation");
    expect(world.hub.commands("thread.turn.diff.complete").at(-1)).toMatchObject({ turnCount: 2, files: [] });
  });

  it("of files alone leave the agent its conversation, and the other way round", async () => {
    const world = await twoTurns();
    expect(await reverted(world, revertTo(world, 0, "files"))).toMatchObject({
      error: null,
      files: [{ path: "A.md" }, { path: "B.md" }],
    });
    expect(existsSync(join(world.workspace, "A.md"))).toBe(false);
    const third = await turn(world, "recall", { turnCount: 3 });
    expect(world.hub.textOf(third.effect.turnId)).toContain("I remember 2 ");
    writeFileSync(join(world.workspace, "C.md"), "mine");
    expect(await reverted(world, revertTo(world, 1, "conversation"))).toMatchObject({ error: null, files: [] });
    expect(readFileSync(join(world.workspace, "C.md"), "utf8")).toBe("mine");
    const next = await turn(world, "recall", { turnCount: 2 });
    expect(world.hub.textOf(next.effect.turnId)).toContain("I remember 0 ");
  });

  it("that are impossible touch nothing and say why", async () => {
    const world = await twoTurns();
    expect((await reverted(world, revertTo(world, 9, "both")))?.error).toContain("checkpoint_missing");
    const outside = { ...revertTo(world, 1, "both"), workspaceRoot: world.folder } as EffectBody;
    expect((await reverted(world, outside))?.error).toContain("workspace_not_allowed");
    expect(existsSync(join(world.workspace, "B.md"))).toBe(true);
    const next = await turn(world, "recall", { turnCount: 3 });
    expect(world.hub.textOf(next.effect.turnId)).toContain("I remember 2 ");
  });

  it("DMN-27 a repeated one is answered and not done again", async () => {
    const world = await twoTurns();
    const effect = revertTo(world, 1, "files");
    world.hub.run("revert-1", effect);
    await until("the revert", () => world.hub.commands("thread.revert.complete").length === 1);
    writeFileSync(join(world.workspace, "B.md"), "written since");
    world.hub.run("revert-1", effect, 2);
    await until(
      "both answers",
      () => world.hub.all("effect.result").filter(({ effectId }) => effectId === "revert-1").length === 2,
    );
    expect(readFileSync(join(world.workspace, "B.md"), "utf8")).toBe("written since");
    expect(world.hub.commands("thread.revert.complete")).toHaveLength(1);
  });
});

it("a session that is stopped settles its turn and ends the agent", async () => {
  const world = await open();
  const effect = startOf(world, "say started\nhang");
  run(world, effect);
  await until("the text", () => world.hub.textOf(effect.turnId) !== "");
  expect(
    await answered(world, run(world, { kind: "node.session.stop", threadId: THREAD, correlationId: null })),
  ).not.toHaveProperty("error");
  expect(await settled(world, effect.turnId)).toMatchObject({ status: "interrupted", reason: "session_stopped" });
  await until("the state", () => world.hub.commands("thread.session.set").at(-1)?.status === "stopped");
});

it("questions of the hub: a folder's real path, and what differs between two checkpoints", async () => {
  const world = await open();
  await turn(world, "edit A.md without asking: one");
  mkdirSync(join(world.workspace, "sub"));
  const ask = async (requestId: string, request: NodeRequest) => {
    world.hub.current.send({ type: "request", requestId, request });
    await until("the answer", () => world.hub.all("response").some((frame) => frame.requestId === requestId));
    return world.hub.all("response").find((frame) => frame.requestId === requestId);
  };
  expect(
    (await ask("1", { method: "workspace.check", path: join(world.workspace, "sub", "..", "sub") }))?.result,
  ).toEqual({ path: join(world.workspace, "sub") });
  expect((await ask("2", { method: "workspace.check", path: "/etc" }))?.error?.code).toBe("workspace_not_allowed");
  const diff = {
    method: "turn.diff" as const,
    threadId: THREAD,
    workspaceRoot: world.workspace,
    worktreePath: null,
    fromRef: REF(0),
  };
  expect((await ask("3", { ...diff, toRef: REF(1) }))?.result).toMatchObject({
    files: [{ path: "A.md" }],
    truncated: false,
  });
  expect((await ask("4", { ...diff, toRef: REF(7) }))?.error?.code).toBe("checkpoint_not_ready");
});

it("a workspace that is no git repository is checkpointed too", async () => {
  const world = await open();
  const plain = join(world.folder, "root", "plain");
  mkdirSync(plain);
  const { ending } = await turn(world, "edit A.md without asking: one", { workspaceRoot: plain });
  expect(ending?.status).toBe("completed");
  expect(
    world.hub.commands("thread.turn.diff.complete").map(({ status, files }) => [status, files.map(({ path }) => path)]),
  ).toEqual([
    ["ready", []],
    ["ready", ["A.md"]],
  ]);
});
