// Reverts whose node does not answer: the thread is given back to its people, and what the node did after all is said.
import { type CheckpointRef, type CommandId, type ErrorCode, type JournalId, MusterError } from "@muster/contracts";
import {
  command,
  complete,
  createProject,
  createThread,
  finishDiff,
  finishRevert,
  settle,
  startTurn,
} from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { REVERT_WAIT_MS } from "./effect-worker.ts";
import { nodeIdentity, onBothDatabases, openWorld, settled, until, type World } from "./test-world.ts";

onBothDatabases("a revert that the node does not answer", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await world.dispatch(startTurn("turn"));
    await until(() => world.nodes.runs.length === 1);
    await answer(0);
    await world.ingest(1, [settle("turn"), finishDiff("turn", 1)]);
  });
  afterEach(() => world.close());

  const thread = { threadId: "thread" };
  const answer = async (index: number, code?: ErrorCode) => {
    const { effectId = "", fence = 0 } = world.nodes.runs[index] ?? {};
    const error = code === undefined ? {} : { error: new MusterError(code).toBody() };
    await world.orchestration.effectResult(nodeIdentity(), { effectId, fence, ...error });
  };
  const askRevert = () => world.dispatch(command("thread.checkpoint.revert", { ...thread, turnCount: 1 }));
  const endings = async () =>
    (
      await world.rows(
        "SELECT payload_json FROM orchestration_events WHERE event_type = 'thread.reverted' ORDER BY sequence",
      )
    ).map((row) => JSON.parse(String(row["payload_json"])).error);
  const effectStatus = async () =>
    (await world.rows("SELECT status FROM orchestration_effects WHERE kind = 'node.checkpoint.revert'")).map(
      (row) => row["status"],
    );
  const safetyRef = async () => {
    const [asked] = await world.rows(
      "SELECT event_id FROM orchestration_events WHERE event_type = 'thread.checkpoint-revert-requested' ORDER BY sequence DESC LIMIT 1",
    );
    return `refs/muster/checkpoints/thread/safety/${String(asked?.["event_id"])}` as CheckpointRef;
  };
  const lateOnes = async () =>
    (await world.rows("SELECT summary FROM projection_thread_activities WHERE kind = 'revert.late'")).length;

  it("ORC-35 ends when its node stayed away so long, frees the thread, and does not reach the node later", async () => {
    world.nodes.connected.clear();
    await askRevert();
    await settled();
    world.time.advance(REVERT_WAIT_MS - 1);
    await settled();
    expect(await endings()).toEqual([]);
    expect(await world.refusal(startTurn("early"))).toBe("turn_in_progress");
    world.time.advance(20);
    await until(async () => (await endings()).length === 1);
    expect([await endings(), await effectStatus()]).toEqual([["node_offline"], ["cancelled"]]);
    expect(await said("revert.given-up")).toEqual([expect.stringMatching(/nothing was changed/)]);
    await world.dispatch(startTurn("next"));
    // Else what the worker hands over while the node connects is handed over once more by the connecting.
    await settled();
    world.nodes.connected.add("node");
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await until(() => world.nodes.runs.length === 2);
    await settled();
    expect(world.nodes.kinds).toEqual(["node.turn.start", "node.turn.start"]);
    expect(world.bugs).toEqual([]);
  });

  it("ORC-35 ends too when the node took it over and never answers, though the hub was restarted meanwhile", async () => {
    await world.close();
    world = await openWorld({ isFile: true });
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await world.dispatch(startTurn("turn"));
    await world.ingest(1, [settle("turn"), finishDiff("turn", 1)]);
    await askRevert();
    await until(() => world.nodes.kinds.includes("node.checkpoint.revert"));
    await world.restart();
    world.time.advance(REVERT_WAIT_MS + 20);
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await until(async () => (await endings()).length === 1);
    expect([await endings(), await effectStatus()]).toEqual([["node_offline"], ["cancelled"]]);
    await world.dispatch(startTurn("next"));
  });

  it("ORC-35 is given up by an interrupt, and the node's late success is said once and changes nothing else", async () => {
    await askRevert();
    await until(() => world.nodes.runs.length === 2);
    await world.dispatch(command("thread.turn.interrupt", thread));
    expect([await endings(), await effectStatus()]).toEqual([["interrupted"], ["cancelled"]]);
    await world.dispatch(startTurn("next"));
    await answer(1);
    const late = finishRevert(1, { safetyRef: await safetyRef(), files: [{ path: "a", outcome: "restored" }] });
    await world.ingest(3, [late]);
    expect(await lateOnes()).toBe(1);
    // As a node does that offers its journal again under another name.
    await world.ingest(4, [late]);
    expect([await lateOnes(), await endings()]).toEqual([1, ["interrupted"]]);
    expect(await world.rows("SELECT status FROM projection_thread_turns WHERE turn_id = ?", "next")).toEqual([
      { status: "running" },
    ]);
    await world.ingest(5, [settle("next")]);
    // The turns above are still the thread's, so their checkpoints are not put aside.
    expect(world.nodes.kinds).not.toContain("node.checkpoint.drop");
  });

  const said = async (kind: string) =>
    (
      await world.rows(
        "SELECT summary FROM projection_thread_activities WHERE kind = ? ORDER BY created_at, activity_id",
        kind,
      )
    ).map((row) => String(row["summary"]));
  /** As the node tells it: under the command that asked. */
  const tell = (sequence: number, correlationId: string, fields: Parameters<typeof finishRevert>[1] = {}) =>
    world.ingestEntries(sequence, [
      {
        sequence,
        command: finishRevert(1, fields),
        correlationId: correlationId as CommandId,
        createdAt: "2026-01-01T00:00:00.000Z",
      },
    ]);
  const ask = (commandId: string) =>
    world.dispatch(command("thread.checkpoint.revert", { ...thread, turnCount: 1, commandId }));
  const UNKNOWN = /whether files were changed is not known until the machine says so/;

  it.each(["thread.turn.interrupt", "thread.session.stop", "thread.archive", "thread.delete"] as const)(
    "ORC-35 given up by %s says that nobody knows of the files once its machine was asked, and that nothing changed before",
    async (type) => {
      await askRevert();
      await until(() => world.nodes.runs.length === 2);
      await world.dispatch(command(type, thread));
      expect(await said("revert.given-up")).toEqual([expect.stringMatching(UNKNOWN)]);

      await world.dispatch(createThread({ threadId: "other" }));
      await world.dispatch(startTurn("other-turn", { threadId: "other" }));
      const of = { threadId: "other", turnId: "other-turn" };
      await world.ingest(3, [settle("other-turn", of), finishDiff("other-turn", 1, of)]);
      world.nodes.connected.clear();
      await world.dispatch(command("thread.checkpoint.revert", { threadId: "other", turnCount: 1 }));
      await settled();
      await world.dispatch(command(type, { threadId: "other" }));
      expect(
        await world.rows(
          "SELECT summary FROM projection_thread_activities WHERE kind = 'revert.given-up' AND thread_id = 'other'",
        ),
      ).toEqual([{ summary: expect.stringMatching(/nothing was changed, its machine was not asked yet/) }]);
    },
  );

  it("ORC-35 whose machine was cut off and then tells what it could not do is heard, once, whatever it says", async () => {
    await ask("asked");
    await until(() => world.nodes.runs.length === 2);
    await world.dispatch(command("thread.turn.interrupt", thread));
    await tell(3, "asked", { error: "workspace_unavailable: gone" });
    await tell(4, "asked", { error: "workspace_unavailable: gone" });
    expect(await said("revert.late")).toEqual([
      "The revert that was given up did not go through on the machine. Nothing was taken back to the state after turn 1: workspace_unavailable: gone",
    ]);
  });

  it("ORC-35 given up, whose end comes while another one is under way, is told as its own and does not end the other", async () => {
    await ask("first");
    await until(() => world.nodes.runs.length === 2);
    const first = { safetyRef: await safetyRef(), files: [{ path: "a", outcome: "restored" }] };
    await world.dispatch(command("thread.turn.interrupt", thread));
    world.nodes.connected.clear();
    await ask("second");
    await tell(3, "first", first);
    expect([await lateOnes(), await endings()]).toEqual([1, ["interrupted"]]);
    expect(await world.refusal(startTurn("early"))).toBe("turn_in_progress");
    await tell(4, "first", first);
    expect([await lateOnes(), await endings()]).toEqual([1, ["interrupted"]]);
    await tell(5, "second", { safetyRef: await safetyRef() });
    expect([await lateOnes(), await endings()]).toEqual([1, ["interrupted", null]]);
    await tell(6, "second", { safetyRef: await safetyRef() });
    expect([await lateOnes(), await endings()]).toEqual([1, ["interrupted", null]]);
  });

  it("ORC-35 that its machine refused is not told a second time when the journal comes again", async () => {
    await ask("asked");
    await until(() => world.nodes.runs.length === 2);
    await tell(3, "asked", { error: "checkpoint_missing: gone" });
    await tell(4, "asked", { error: "checkpoint_missing: gone" });
    expect([await said("revert.failed"), await lateOnes()]).toEqual([
      ["Nothing was taken back to the state after turn 1: checkpoint_missing: gone"],
      0,
    ]);
  });

  it("ORC-35 that went through has its later checkpoints put aside before the next turn begins", async () => {
    await askRevert();
    await until(() => world.nodes.runs.length === 2);
    await world.ingest(3, [finishRevert(1, { safetyRef: await safetyRef() })]);
    await world.dispatch(startTurn("next"));
    await answer(1);
    await until(() => world.nodes.runs.length === 3);
    await settled();
    expect(world.nodes.runs[2]?.effect).toMatchObject({
      kind: "node.checkpoint.drop",
      threadId: "thread",
      turnCount: 1,
      eventId: (await safetyRef()).split("/").at(-1),
      workspaceRoot: expect.any(String),
    });
    expect(world.nodes.runs).toHaveLength(3);
    await answer(2);
    await until(() => world.nodes.runs.length === 4);
    expect(world.nodes.kinds.at(-1)).toBe("node.turn.start");
  });

  it("ORC-35 whose checkpoints cannot be put aside holds nothing up", async () => {
    await askRevert();
    await until(() => world.nodes.runs.length === 2);
    await world.ingest(3, [finishRevert(1, { safetyRef: await safetyRef() })]);
    await answer(1);
    await until(() => world.nodes.runs.length === 3);
    await world.dispatch(startTurn("next"));
    await answer(2, "workspace_unavailable");
    await until(() => world.nodes.kinds.at(-1) === "node.turn.start");
    expect([await endings(), world.bugs]).toEqual([[null], []]);
  });

  it("ORC-35 that went through gives the next turn the kept conversation alone, of bounded size, the newest of it", async () => {
    world.time.advance(1);
    await world.ingest(3, [complete(0, "answer one", { messageId: "first-answer" })]);
    await world.dispatch(startTurn("dropped", { text: "SECRET" }));
    await world.ingest(4, [settle("dropped"), finishDiff("dropped", 2)]);
    await askRevert();
    await world.ingest(6, [finishRevert(1, { safetyRef: await safetyRef() })]);
    const runOf = (turnId: string) =>
      world.nodes.runs.find(({ effect }) => "turnId" in effect && effect.turnId === turnId);
    let answered = 0;
    // Called again and again, because each answer lets the thread's next effect go out.
    const drain = async () => {
      for (; answered < world.nodes.runs.length; answered += 1) await answer(answered);
    };
    const preambleOf = async (turnId: string) => {
      await until(async () => {
        await drain();
        return runOf(turnId) !== undefined;
      });
      const run = runOf(turnId);
      return run?.effect.kind === "node.turn.start" ? (run.effect.preamble ?? "") : "";
    };
    world.time.advance(1);
    await world.dispatch(startTurn("next"));
    const preamble = await preambleOf("next");
    expect(preamble).toMatch(/^User: .+\n\nAssistant: answer one$/s);
    expect(preamble).not.toContain("SECRET");
    await drain();
    world.time.advance(1);
    await world.ingest(7, [
      complete(0, `old${"x".repeat(40_000)}`, { messageId: "next-answer", turnId: "next" }),
      settle("next"),
      finishDiff("next", 2),
    ]);
    world.time.advance(1);
    await world.dispatch(startTurn("long", { text: `${"y".repeat(100_000)}the end` }));
    await preambleOf("long");
    await drain();
    await world.ingest(10, [settle("long"), finishDiff("long", 3)]);
    await world.dispatch(startTurn("last"));
    const cut = await preambleOf("last");
    expect(cut.length).toBeLessThanOrEqual(60_000);
    expect(cut.length).toBeGreaterThan(59_000);
    expect(cut).toMatch(/^User: …y+the end$/);
  });

  it("ORC-35 that went through in time is not said again when the journal comes again", async () => {
    await askRevert();
    const done = finishRevert(1, { safetyRef: await safetyRef() });
    await world.ingest(3, [done, done]);
    expect([await lateOnes(), await endings()]).toEqual([0, [null]]);
  });

  it("ORC-35 that stood only in a journal that is gone ends when the node comes with another one", async () => {
    await askRevert();
    await until(() => world.nodes.runs.length === 2);
    await answer(1);
    expect(await effectStatus()).toEqual(["succeeded"]);
    const hello = (journalId: string, journalSequence: number) =>
      world.orchestration.reconcileNode(nodeIdentity(), {
        runningTurns: [],
        journalId: journalId as JournalId,
        journalSequence,
      });
    await hello(world.journalId, 2);
    expect(await endings()).toEqual([]);
    await hello("another-journal", 1);
    expect(await endings()).toEqual([]);
    await world.orchestration.ingest(nodeIdentity(), {
      journalId: "another-journal" as JournalId,
      firstSequence: 1,
      entries: [{ sequence: 1, command: settle("turn"), correlationId: null, createdAt: "2026-01-01T00:00:00.000Z" }],
    });
    expect(await endings()).toEqual(["node_restarted"]);
    expect(await said("revert.given-up")).toEqual([expect.stringMatching(UNKNOWN)]);
    await world.dispatch(startTurn("next"));
  });
});
