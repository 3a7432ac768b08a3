// Row operations written together leave what they leave when each is a commit of its own.

import type { SpaceId } from "@muster/contracts";
import type { RowOperation } from "@muster/core";
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { projectionStatements } from "./projection-writer.ts";
import { onBothDatabases, openWorld, type World } from "./test-world.ts";

const ID = fc.constantFrom("one", "two", "three", "four");
const AT = "2026-01-01T00:00:00.000Z";
const TEXT = fc.constantFrom("plain", 'it\'s "quoted" \\ {}', "ünïcødé 🐙", "");

const message = (messageId: string, text: string, turnId: string | null) => ({
  ...{ messageId, threadId: "thread", turnId, role: "user", text, attachments: [{ text }], isStreaming: true },
  ...{ createdAt: AT, updatedAt: AT },
});
const table = "projection_thread_messages";
const where = (messageId: string) => ({ messageId });
const change = fc.oneof(
  fc.tuple(ID, TEXT).map(([id, text]) => ({
    ...{ operation: "insert", table, row: message(id, text, "again"), replace: ["text", "turnId"] },
  })),
  fc.tuple(ID, TEXT).map(([id, text]) => ({ operation: "update", table, where: where(id), set: { text } })),
  fc.tuple(ID, fc.option(TEXT), fc.boolean()).map(([id, turnId, isStreaming]) => ({
    ...{ operation: "update", table, where: where(id) },
    set: { turnId, isStreaming, attachments: [{ text: "changed" }] },
  })),
  fc.tuple(ID, TEXT).map(([id, text]) => ({ operation: "append-text", table, where: where(id), text, set: {} })),
  fc
    .tuple(fc.constant("thread"), TEXT)
    .map(([threadId, turnId]) => ({ operation: "remove", table, where: { threadId, turnId } })),
);

onBothDatabases("row operations of one commit", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });
  afterEach(() => world.close());

  it("leave what they leave one by one, in any order and number (ORC-25)", async () => {
    const rows = () => world.rows(`SELECT * FROM ${table} ORDER BY message_id`);
    const write = async (operations: readonly unknown[]): Promise<void> => {
      const statements = projectionStatements(world.store.dialect, "space" as SpaceId, operations as RowOperation[]);
      expect(await world.store.commit({ guards: [], statements })).toMatchObject({ status: "committed" });
    };
    const begin = async (): Promise<void> => {
      await world.run(`DELETE FROM ${table}`);
      const ids = ["one", "two", "three", "four"];
      await write(ids.map((id) => ({ operation: "insert", table, row: message(id, id, "plain") })));
    };
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (operations) => {
        await begin();
        for (const operation of operations) await write([operation]);
        const alone = await rows();
        await begin();
        await write(operations);
        expect(await rows()).toEqual(alone);
      }),
      { numRuns: 40 },
    );
  });

  it("remove above their bounds alone, also several of one commit (ORC-25)", async () => {
    const checkpoint = (threadId: string, checkpointTurnCount: number) => ({
      ...{ threadId, turnId: `turn-${checkpointTurnCount}`, checkpointTurnCount, checkpointRef: "refs/x" },
      ...{ status: "ready", files: [], assistantMessageId: null, completedAt: AT },
    });
    const of = "projection_checkpoints" as const;
    const operations = [...["a", "b", "c"].flatMap((id) => [0, 1, 2, 3].map((count) => checkpoint(id, count)))].map(
      (row) => ({ operation: "insert", table: of, row }),
    );
    const removals = [
      ["a", 1],
      ["b", 2],
    ].map(([threadId, value]) => ({
      ...{ operation: "remove", table: of, where: { threadId }, above: { column: "checkpointTurnCount", value } },
    }));
    for (const list of [operations, removals]) {
      const statements = projectionStatements(
        world.store.dialect,
        "space" as SpaceId,
        list as unknown as RowOperation[],
      );
      expect(await world.store.commit({ guards: [], statements })).toMatchObject({ status: "committed" });
    }
    const left = await world.rows(
      `SELECT thread_id, max(checkpoint_turn_count) AS newest FROM ${of} GROUP BY thread_id`,
    );
    expect(new Map(left.map((row) => [row["thread_id"], row["newest"]]))).toEqual(
      new Map([
        ["a", 1],
        ["b", 2],
        ["c", 3],
      ]),
    );
  });
});
