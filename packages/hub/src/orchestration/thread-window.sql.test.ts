// Windows of threads with thousands of rows: what fits is there, whole turns by whole turns, however little was read of
// what does not fit.
import { READ_MAX_BYTES, type ThreadId, type ThreadWindow } from "@muster/contracts";
import { createProject, createThread } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { jsonBytes } from "./read-budget.ts";
import { OWNER, onBothDatabases, openWorld, type World } from "./test-world.ts";

onBothDatabases("the window of a thread with thousands of rows", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
    await world.dispatch(createProject());
    await world.dispatch(createThread());
  });
  afterEach(() => world.close());

  const window = (turnLimit: number, before?: string): Promise<ThreadWindow> =>
    world.orchestration.getThread(OWNER, {
      threadId: "thread" as ThreadId,
      turnLimit,
      ...(before === undefined ? {} : { before }),
    });

  /** A turn of so many steps, each with a text of so many characters, and as many messages as steps when they are said. */
  async function turn(number: number, steps: number, characters: number, messages = 0): Promise<void> {
    const turnId = `turn-${number}`;
    const at = `'2026-01-01T00:0${number}:' || substr('0000' || i, length('0000' || i) - 4) || 'Z'`;
    const rows = (count: number) =>
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;
    await world.run(
      `INSERT INTO projection_thread_turns VALUES ('space', '${turnId}', 'thread', ${number}, 'completed', NULL, NULL, NULL, NULL, 'm', NULL,
       '2026-01-01T00:0${number}:00000Z', NULL, NULL)`,
    );
    await world.run(
      `INSERT INTO projection_thread_activities ${rows(steps)} SELECT 'space', '${turnId}-' || i, 'thread', '${turnId}', 'tool', 'tool.completed',
       'A step', '{"output":"${"x".repeat(characters)}"}', ${at} FROM n`,
    );
    if (messages > 0)
      await world.run(
        `INSERT INTO projection_thread_messages ${rows(messages)} SELECT 'space', '${turnId}-m-' || i, 'thread', '${turnId}', 'assistant',
         '${"y".repeat(characters)}', '[]', 0, ${at}, ${at} FROM n`,
      );
  }

  it("holds every row where thousands of small ones fit (ORC-26)", async () => {
    await turn(1, 3_500, 0);
    const { activities, page } = await window(10);
    expect(activities).toHaveLength(3_500);
    expect(page.hasMore).toBe(false);
  });

  it("is the same made as bytes, and refused alike (ORC-26)", async () => {
    await turn(1, 40, 30, 20);
    await turn(2, 30, 30, 10);
    for (const input of [
      { turnLimit: 10 },
      { turnLimit: 1 },
      { turnLimit: 1, before: "2026-01-01T00:02:00.000Z~turn-2" },
    ]) {
      const request = { threadId: "thread" as ThreadId, ...input };
      const bytes = await world.orchestration.getThreadBytes(OWNER, request);
      expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(await world.orchestration.getThread(OWNER, request));
    }
    const refused = (threadId: string, before?: string) =>
      world.orchestration.getThreadBytes(OWNER, {
        threadId: threadId as ThreadId,
        turnLimit: 1,
        ...(before && { before }),
      });
    await expect(refused("another")).rejects.toMatchObject({ code: "thread_not_found" });
    await expect(refused("thread", "no cursor")).rejects.toMatchObject({ code: "validation_failed" });
  });

  const SHAPES: readonly (readonly [string, readonly Parameters<typeof turn>[]])[] = [
    ["many small steps", Array.from({ length: 6 }, (_one, index) => [index + 1, 1_700, 0])],
    ["steps of the usual size", Array.from({ length: 6 }, (_one, index) => [index + 1, 500 + index * 40, 300, 90])],
    [
      "a small turn behind a large one",
      [
        [1, 5, 10],
        [2, 2_600, 150],
        [3, 3, 10],
      ],
    ],
    ["more messages than steps", Array.from({ length: 5 }, (_one, index) => [index + 1, 10, 100, 1_000])],
    [
      "steps that are cut where they are too large",
      Array.from({ length: 3 }, (_one, index) => [index + 1, 300, 6_000]),
    ],
  ];

  it.each(SHAPES)("shows turns of %s whole, and pages back to the first (ORC-26)", async (_what, turns) => {
    for (const one of turns) await turn(...one);
    const seen: string[] = [];
    let before: string | undefined;
    for (;;) {
      const answer = await window(50, before);
      expect(jsonBytes(answer)).toBeLessThanOrEqual(READ_MAX_BYTES);
      for (const { turnId } of answer.turns) {
        seen.push(turnId);
        const [, steps = 0, , messages = 0] = turns.find(([number]) => turnId === `turn-${number}`) ?? [];
        const shown = [answer.activities, answer.messages].map(
          (rows) => rows.filter((row) => row.turnId === turnId).length,
        );
        // A turn that is alone in its window may be larger than any window.
        if (answer.turns.length > 1) expect([turnId, ...shown]).toEqual([turnId, steps, messages]);
        else expect(shown[0]).toBeGreaterThan(0);
      }
      if (answer.page.before === null) break;
      before = answer.page.before;
    }
    expect(seen.toSorted()).toEqual(turns.map(([number]) => `turn-${number}`));
  });

  it("shows of a turn that never fits the newest rows, about as much as fits (ORC-26)", async () => {
    await turn(1, 9_000, 200, 3_000);
    const answer = await window(10);
    const bytes = jsonBytes(answer);
    expect(bytes).toBeLessThanOrEqual(READ_MAX_BYTES);
    expect(bytes).toBeGreaterThan(READ_MAX_BYTES / 3);
    expect(answer.activities.at(-1)?.activityId).toBe("turn-1-9000");
    expect(answer.messages.at(-1)?.messageId).toBe("turn-1-m-3000");
  });
});
