import { describe, expect, it } from "vitest";
import { isCheckpointError } from "./index.ts";
import { EVENT, NOW_MS, THREAD } from "./test-workspace.ts";
import { workspacesOfTest } from "./test-workspaces.ts";

const workspace = workspacesOfTest();

const PREFIX = `refs/muster/checkpoints/${THREAD}`;

describe("a thread's refs", () => {
  it("ORC-34 are listed by turn count, each with what it is", async () => {
    const one = workspace();
    for (const turnCount of [0, 2, 10]) {
      one.write("a", `${turnCount}`);
      await one.capture(turnCount);
    }
    await one.checkpoints.safety({ workspaceRoot: one.root, threadId: THREAD, eventId: EVENT });
    await one.checkpoints.capture({ workspaceRoot: one.root, threadId: `${THREAD}1` as never, turnCount: 0 });
    const listed = await one.checkpoints.list({ workspaceRoot: one.root, threadId: THREAD });
    expect(
      listed.map(({ checkpointRef, kind, turnCount, eventId, takenAtMs }) => [
        checkpointRef,
        kind,
        turnCount,
        eventId,
        takenAtMs,
      ]),
    ).toEqual([
      [`${PREFIX}/turn/0`, "turn", 0, undefined, NOW_MS],
      [`${PREFIX}/turn/2`, "turn", 2, undefined, NOW_MS],
      [`${PREFIX}/turn/10`, "turn", 10, undefined, NOW_MS],
      [`${PREFIX}/safety/${EVENT}`, "safety", undefined, EVENT, NOW_MS],
    ]);
  });

  it("are told from refs that somebody made by hand, which stop nothing", async () => {
    const one = workspace();
    one.write("a", "1");
    const first = await one.capture(0);
    for (const odd of ["turn/many", `safety/${"x".repeat(65)}`, "reverted/y", `reverted/${EVENT}/start/z`, "mine/1"])
      one.git("update-ref", `${PREFIX}/${odd}`, first);
    one.write("a", "2");
    const second = await one.capture(1);
    const listed = await one.checkpoints.list({ workspaceRoot: one.root, threadId: THREAD });
    expect(listed.map(({ checkpointRef }) => checkpointRef)).toEqual([first, second]);
  });

  it("ORC-35 above the turn that is reverted to are renamed, none is lost, and a second call finds nothing", async () => {
    const one = workspace();
    for (const turnCount of [0, 1, 2]) {
      one.write("a", `${turnCount}`);
      await one.capture(turnCount);
    }
    const request = { workspaceRoot: one.root, threadId: THREAD, turnCount: 0, eventId: EVENT };
    expect(await one.checkpoints.dropAfter(request)).toEqual([
      `${PREFIX}/reverted/${EVENT}/1`,
      `${PREFIX}/reverted/${EVENT}/2`,
    ]);
    expect(one.git("show", `${PREFIX}/reverted/${EVENT}/2:a`)).toBe("2");
    expect(await one.checkpoints.dropAfter(request)).toEqual([]);
    // The turn count is used again.
    one.write("a", "again");
    await one.capture(1);
    const listed = await one.checkpoints.list({ workspaceRoot: one.root, threadId: THREAD });
    expect(listed.map((entry) => [entry.kind, entry.turnCount])).toEqual([
      ["turn", 0],
      ["turn", 1],
      ["reverted", 1],
      ["reverted", 2],
    ]);
  });

  it("ORC-34 are all deleted with the thread, and no other thread's", async () => {
    const one = workspace();
    one.write("a", "1");
    await one.capture(0);
    await one.capture(1);
    await one.checkpoints.capture({ workspaceRoot: one.root, threadId: "other" as never, turnCount: 0 });
    expect(await one.checkpoints.deleteThread({ workspaceRoot: one.root, threadId: THREAD })).toBe(2);
    expect(one.git("for-each-ref", "--format=%(refname)").trim()).toBe("refs/muster/checkpoints/other/turn/0");
    expect(await one.checkpoints.deleteThread({ workspaceRoot: one.root, threadId: THREAD })).toBe(0);
  });

  it("ORC-34 of another process that moved meanwhile are not overwritten: the move is by compare-and-swap", async () => {
    const one = workspace();
    one.write("a", "1");
    await one.capture(0);
    // A lock file of update-ref is what another process in the middle of a move looks like.
    one.write(`.git/${PREFIX}/turn/0.lock`, "");
    one.write("a", "2");
    const failure = await one.capture(0).catch((error: unknown) => error);
    expect(isCheckpointError(failure, "git_failed") && failure.details.command).toBe("update-ref");
    expect(one.git("show", `${PREFIX}/turn/0:a`)).toBe("1");
  });

  it("ORC-34 take only ids of the alphabet", async () => {
    const one = workspace();
    for (const threadId of ["a/b", "", "..", "x y"]) {
      await expect(
        one.checkpoints.capture({ workspaceRoot: one.root, threadId: threadId as never, turnCount: 0 }),
      ).rejects.toThrow();
    }
    await expect(one.capture(-1)).rejects.toThrow(RangeError);
  });
});
