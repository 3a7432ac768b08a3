// A revert is written down before its first change, and says what is true of the files wherever it ends.
import { rmSync } from "node:fs";
import type { CheckpointRef, ThreadId } from "@muster/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EVENT, makeWorkspace, type TestWorkspace, THREAD } from "../checkpoints/test-workspace.ts";
import { type RevertTools, revert } from "./revert.ts";
import type { ProviderSessions } from "./sessions.ts";

describe("ORC-35 a revert", () => {
  let one: TestWorkspace;
  let told: string[];
  beforeEach(async () => {
    one = makeWorkspace();
    told = [];
    one.write("kept", "before");
    await one.capture(0);
    await one.checkpoints.captureStart({ workspaceRoot: one.root, threadId: THREAD, turnCount: 1 });
    for (const name of ["a", "b"]) one.write(name, "turn");
    await one.capture(1);
  });
  afterEach(() => one.remove());

  const SAFETY = `refs/muster/checkpoints/${THREAD}/safety/${EVENT}`;
  const there = (): string => ["a", "b"].filter((name) => one.files()[name] !== undefined).join("");
  const run = (mode: "both" | "files" | "conversation", more: Partial<RevertTools> = {}, turnCount = 0) =>
    revert(
      {
        kind: "node.checkpoint.revert",
        threadId: THREAD,
        workspaceRoot: one.root,
        worktreePath: null,
        turnCount,
        checkpointRef: `refs/muster/checkpoints/${THREAD}/turn/${turnCount}` as CheckpointRef,
        mode,
        eventId: EVENT,
        correlationId: null,
      },
      {
        checkpoints: one.checkpoints,
        sessions: {
          get: () => undefined,
          forget: async (threadId: ThreadId) => void told.push(`forgets ${threadId}`),
        } as unknown as ProviderSessions,
        workspaceRoots: [one.base],
        isResumed: false,
        begin: async () => void told.push(`begins with ${there()}`),
        onChanged: () => told.push("changes"),
        onBug: () => told.push("has a bug"),
        ...more,
      },
    );

  it("begins once, before the first file is touched and before the conversation is forgotten", async () => {
    expect(await run("both")).toMatchObject({ error: null, safetyRef: SAFETY });
    expect(told).toEqual(["begins with ab", "changes", "changes", `forgets ${THREAD}`]);
    told = [];
    expect(await run("conversation")).toMatchObject({ error: null });
    expect(told).toEqual(["begins with ", `forgets ${THREAD}`]);
    told = [];
    expect(await run("both", { isResumed: true })).toMatchObject({
      error: null,
      files: [{ path: "a" }, { path: "b" }],
    });
    expect(told).toEqual([`forgets ${THREAD}`]);
  });

  it("that is refused has not begun, and says so by naming no safety checkpoint", async () => {
    expect(await run("both", {}, 7)).toMatchObject({
      error: expect.stringContaining("checkpoint_missing"),
      safetyRef: null,
    });
    expect([told, there()]).toEqual([[], "ab"]);
  });

  it("that cannot be written down touches nothing and is no revert", async () => {
    const begin = () => Promise.reject(new Error("the disk is gone"));
    await expect(run("both", { begin })).rejects.toThrow("the disk is gone");
    expect([told, there()]).toEqual([[], "ab"]);
  });

  it("cut off before, that cannot be finished where its folder is gone, names what holds the files of before", async () => {
    rmSync(one.root, { recursive: true });
    const error = expect.stringContaining("workspace_unavailable");
    expect(await run("both", { isResumed: true })).toMatchObject({ error, safetyRef: SAFETY, files: [] });
    expect(await run("both")).toMatchObject({ error, safetyRef: null });
    expect(await run("conversation", { isResumed: true })).toMatchObject({ error, safetyRef: null });
  });

  it("that meets what nobody expected in the middle is told all the same, and as a bug", async () => {
    const onChanged = () => {
      throw new Error("unheard of");
    };
    expect(await run("both", { onChanged })).toMatchObject({
      error: "internal_error: Error: unheard of",
      safetyRef: SAFETY,
    });
    expect(told).toEqual(["begins with ab", "has a bug"]);
  });
});
