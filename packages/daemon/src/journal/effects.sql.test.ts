import { type CheckpointRef, MusterError, type ProviderSessionId, type ThreadId, type TurnId } from "@muster/contracts";
import { afterEach, describe, expect, it } from "vitest";
import { EffectLedger } from "./effects.ts";
import { ProviderSessionLedger } from "./provider-sessions.ts";
import { closeAll, openJournal } from "./testing/opened.ts";

afterEach(closeAll);

const open = async () => {
  const opened = await openJournal();
  const { store, clock } = opened;
  return {
    ...opened,
    effects: new EffectLedger({ store, clock }),
    sessions: new ProviderSessionLedger({ store, clock }),
  };
};
const turn = { threadId: "thread" as ThreadId, turnId: "turn" as TurnId, providerName: "sample", correlationId: null };

describe("DMN-27 effects", () => {
  it("are new, then unfinished, then answered with what they were answered", async () => {
    const { effects, journal } = await open();
    expect(await effects.look("e", 1)).toEqual({ status: "new" });
    await journal.append([], [effects.record("e", 1)]);
    expect(await effects.look("e", 1)).toEqual({ status: "unfinished" });
    await journal.append([], [effects.finish("e", null)]);
    expect(await effects.look("e", 2)).toEqual({ status: "answered", error: null });
    const error = new MusterError("workspace_not_allowed").toBody();
    await journal.append([], [effects.record("f", 1), effects.finish("f", error)]);
    expect(await effects.look("f", 1)).toEqual({ status: "answered", error });
  });

  it("with a fence below one seen are refused, and the fence only grows", async () => {
    const { effects, journal } = await open();
    await journal.append([], [effects.record("e", 3)]);
    await journal.append([], [effects.record("e", 2)]);
    await expect(effects.look("e", 2)).rejects.toMatchObject({
      code: "concurrency_conflict",
      details: { fence: 2, seen: 3 },
    });
    await journal.append([], [effects.record("e", 5)]);
    await expect(effects.look("e", 4)).rejects.toMatchObject({ code: "concurrency_conflict" });
    expect(await effects.look("e", 5)).toEqual({ status: "unfinished" });
  });

  it("turns run until they settle, and a tombstone never replaces what is known", async () => {
    const { effects, journal } = await open();
    expect(await effects.turnState(turn.turnId)).toBeNull();
    await journal.append([], [effects.turnRunning(turn)]);
    await journal.append([], [effects.tombstone(turn.turnId)]);
    expect(await effects.runningTurns()).toEqual([turn]);
    await journal.append([], [effects.turnSettled(turn.turnId)]);
    expect([await effects.turnState(turn.turnId), await effects.runningTurns()]).toEqual(["settled", []]);
    await journal.append([], [effects.tombstone("other" as TurnId)]);
    expect(await effects.turnState("other" as TurnId)).toBe("interrupted");
  });

  it("ORC-35 reverts that have begun are known until they end, and never forgotten before", async () => {
    const { effects, journal, timers } = await open();
    const effect = {
      kind: "node.checkpoint.revert",
      threadId: turn.threadId,
      workspaceRoot: "/work",
      worktreePath: null,
      turnCount: 1,
      checkpointRef: "refs/muster/checkpoints/thread/turn/1" as CheckpointRef,
      mode: "both",
      eventId: "event",
      correlationId: null,
    } as const;
    await journal.append([], [effects.record("e", 1), effects.record("f", 1)]);
    expect([await effects.hasBegun("e"), await effects.begunReverts()]).toEqual([false, []]);
    await journal.append([], [effects.beginRevert("e", effect)]);
    expect(await effects.look("e", 1)).toEqual({ status: "unfinished" });
    timers.advance(31 * 24 * 60 * 60 * 1_000);
    await journal.append([], [effects.prune(), effects.record("e", 2)]);
    expect([await effects.hasBegun("e"), await effects.begunReverts()]).toEqual([true, [{ effectId: "e", effect }]]);
    await journal.append([], [effects.finish("e", null), effects.beginRevert("e", effect)]);
    expect([await effects.hasBegun("e"), await effects.begunReverts()]).toEqual([false, []]);
    expect(await effects.look("e", 3)).toEqual({ status: "answered", error: null });
  });

  it("are forgotten long after they ended, while they run never", async () => {
    const { effects, journal, timers } = await open();
    await journal.append(
      [],
      [
        effects.record("done", 1, "done"),
        effects.record("open", 1),
        effects.turnRunning(turn),
        effects.tombstone("t" as TurnId),
      ],
    );
    timers.advance(31 * 24 * 60 * 60 * 1_000);
    await journal.append([], [effects.prune()]);
    expect([
      await effects.look("done", 1),
      await effects.look("open", 1),
      await effects.turnState("t" as TurnId),
    ]).toEqual([{ status: "new" }, { status: "unfinished" }, null]);
    expect(await effects.runningTurns()).toEqual([turn]);
  });
});

describe("ORC-13 provider sessions", () => {
  const session = (id: string) => ({
    providerSessionId: id as ProviderSessionId,
    threadId: turn.threadId,
    providerName: "sample",
    adapterKey: "acp",
    cwd: "/w",
  });
  const group = { processGroupId: 4_242, processStartTime: "linux/boot/1#mark" };

  it("are written down with their process groups, and found again while they are open", async () => {
    const { sessions, journal } = await open();
    await journal.append([], sessions.starting(session("one")));
    expect(await sessions.leftovers()).toEqual([{ providerSessionId: "one", processGroups: [] }]);
    await journal.append([], [sessions.processGroups("one" as ProviderSessionId, [group])]);
    await journal.append([], [sessions.ended("one" as ProviderSessionId, "error")]);
    // Ended, but its group is not known to be gone.
    expect(await sessions.leftovers()).toEqual([{ providerSessionId: "one", processGroups: [group] }]);
    await journal.append([], [sessions.processGroups("one" as ProviderSessionId, [])]);
    expect(await sessions.leftovers()).toEqual([]);
  });

  it("can be taken up by the same agent's newest session that can load, until they are forgotten", async () => {
    const { sessions, journal, timers } = await open();
    const start = async (id: string, canLoad: boolean): Promise<void> => {
      timers.advance(1_000);
      await journal.append(
        [],
        [...sessions.starting(session(id)), sessions.running(id as ProviderSessionId, `theirs-${id}`, canLoad)],
      );
    };
    expect(await sessions.resumeOf(turn.threadId, "sample")).toBeNull();
    await start("one", true);
    expect(await sessions.resumeOf(turn.threadId, "sample")).toEqual({ providerThreadId: "theirs-one" });
    expect(await sessions.resumeOf(turn.threadId, "other")).toBeNull();
    await start("two", false);
    expect(await sessions.resumeOf(turn.threadId, "sample")).toBeNull();
    await start("three", true);
    expect(await sessions.resumeOf(turn.threadId, "sample")).toEqual({ providerThreadId: "theirs-three" });
    await journal.append([], [sessions.forget(turn.threadId)]);
    expect(await sessions.resumeOf(turn.threadId, "sample")).toBeNull();
  });
});
