// A page folded in memory against its operations done one by one.
import type { MessageRow, TurnRow } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { id } from "../testing/index.ts";
import { MemoryTables } from "./memory.ts";
import { PROJECTION_TABLES, type ProjectionTable, type RowOperation } from "./operations.ts";
import { foldPage, rowsToLoad } from "./page-fold.ts";

const messages = "projection_thread_messages" as const;
const turns = "projection_thread_turns" as const;
const checkpoints = "projection_checkpoints" as const;

const message = (name: string, fields: Partial<MessageRow> = {}): MessageRow => ({
  messageId: id.message(name),
  threadId: id.thread,
  turnId: id.turn("turn"),
  role: "assistant",
  text: "text",
  attachments: [],
  isStreaming: true,
  createdAt: "t0",
  updatedAt: "t0",
  ...fields,
});
const turn = (name: string, fields: Partial<TurnRow> = {}): TurnRow =>
  ({ turnId: id.turn(name), threadId: id.thread, status: "queued", requestedAt: "t0", ...fields }) as TurnRow;
const insert = (row: MessageRow): RowOperation => ({ operation: "insert", table: messages, row });
const append = (name: string, text: string): RowOperation => ({
  operation: "append-text",
  table: messages,
  where: { messageId: id.message(name) },
  text,
  set: { updatedAt: "t1" },
});
const start = (name: string): RowOperation => ({
  operation: "insert",
  table: turns,
  row: turn(name, { status: "running", requestedAt: "t9" }),
  replace: ["status"],
});
const checkpoint = (turnCount: number, turnId: string): RowOperation =>
  ({
    operation: "insert",
    table: checkpoints,
    row: { threadId: id.thread, checkpointTurnCount: turnCount, turnId: id.turn(turnId) },
    replace: ["turnId"],
  }) as unknown as RowOperation;
const removeTurn = (name: string): RowOperation => ({
  operation: "remove",
  table: messages,
  where: { threadId: id.thread, turnId: id.turn(name) },
});

/** What a database does with a page: loads what is asked for, removes, then puts rows in. */
function applyPage(stored: MemoryTables, operations: readonly RowOperation[]): void {
  const loaded = new Map<ProjectionTable, never[]>();
  for (const [table, keys] of rowsToLoad(operations))
    loaded.set(table, [...keys].flatMap((key) => stored.get(table, key) ?? []) as never[]);
  const { removals, rows } = foldPage(operations, loaded);
  stored.apply(removals);
  for (const [table, list] of rows) stored.load(table, list as never[]);
}
const rowsOf = (tables: MemoryTables) =>
  Object.fromEntries(
    PROJECTION_TABLES.map((table) => [
      table,
      tables
        .rows(table)
        .map((row) => JSON.stringify(row))
        .sort(),
    ]),
  );

describe("a page of operations", () => {
  const before: RowOperation[] = [
    insert(message("old")),
    insert(message("other", { turnId: id.turn("other") })),
    { operation: "insert", table: turns, row: turn("waits") },
    checkpoint(1, "one"),
    checkpoint(2, "two"),
  ];
  const PAGES: Record<string, RowOperation[]> = {
    "new rows and text at their end": [insert(message("new")), append("new", "!"), append("new", "?")],
    "text at the end of an older row": [append("old", "!"), append("old", "?"), append("nobody", "lost")],
    "columns of an older row kept where an insert meets it": [start("waits"), start("fresh")],
    "several rows changed by a list": [
      insert(message("new")),
      {
        operation: "update",
        table: messages,
        where: { messageId: [id.message("new"), id.message("old")] },
        set: { isStreaming: false },
      },
    ],
    "rows of before and of the page removed, and later ones kept": [
      insert(message("new")),
      append("old", "!"),
      removeTurn("turn"),
      insert(message("later")),
    ],
    "a key used again after its removal": [
      {
        operation: "remove",
        table: checkpoints,
        where: { threadId: id.thread },
        above: { column: "checkpointTurnCount", value: 0 },
      },
      checkpoint(1, "again"),
    ],
    "a row that first comes to match and is then removed": [
      {
        operation: "update",
        table: messages,
        where: { messageId: id.message("other") },
        set: { turnId: id.turn("turn") },
      },
      removeTurn("turn"),
    ],
    "a row that matched, no longer does, and stays": [
      {
        operation: "update",
        table: messages,
        where: { messageId: id.message("old") },
        set: { turnId: id.turn("moved") },
      },
      removeTurn("turn"),
    ],
    "an update whose other conditions do not hold": [
      {
        operation: "update",
        table: messages,
        where: { messageId: id.message("old"), turnId: id.turn("other") },
        set: { text: "wrong" },
      },
    ],
  };

  it.each(Object.entries(PAGES))("comes to the same as one by one: %s (ORC-25)", (_name, page) => {
    const [oneByOne, folded] = [new MemoryTables(), new MemoryTables()];
    for (const tables of [oneByOne, folded]) tables.apply(before);
    oneByOne.apply(page);
    applyPage(folded, page);
    expect(rowsOf(folded)).toEqual(rowsOf(oneByOne));
  });

  it("asks only for rows that it did not bring itself", () => {
    const page = [insert(message("new")), append("new", "!"), append("old", "!"), start("waits"), checkpoint(1, "x")];
    expect(rowsToLoad(page)).toEqual(
      new Map([
        [messages, new Set(["old"])],
        [turns, new Set(["waits"])],
      ]),
    );
  });

  it("writes a row once, however often it changed", () => {
    const page = [
      insert(message("new")),
      ...Array.from({ length: 100 }, (_one, index) => append("new", String(index))),
    ];
    expect(foldPage(page, new Map()).rows.get(messages)).toHaveLength(1);
  });

  it("refuses a change that names no key, which could mean any older row", () => {
    const change: RowOperation = {
      operation: "update",
      table: messages,
      where: { threadId: id.thread },
      set: { text: "" },
    };
    expect(() => rowsToLoad([change])).toThrow("without naming their key");
  });
});
