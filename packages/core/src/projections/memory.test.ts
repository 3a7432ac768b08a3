// The in-memory interpreter of row operations, operation by operation.
import type { MessageRow, TurnRow } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { id } from "../testing/index.ts";
import { MemoryTables } from "./memory.ts";

const message = (messageId: string, fields: Partial<MessageRow> = {}): MessageRow => ({
  messageId: id.message(messageId),
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
const table = "projection_thread_messages" as const;
const withMessages = (...rows: MessageRow[]): MemoryTables => {
  const tables = new MemoryTables();
  tables.load(table, rows);
  return tables;
};

describe("rows in memory", () => {
  it("are inserted, and read by their key in the order they came", () => {
    const tables = withMessages(message("b"), message("a"));
    tables.apply([{ operation: "insert", table, row: message("c") }]);
    expect(tables.rows(table).map((row) => row.messageId)).toEqual(["b", "a", "c"]);
    expect(tables.get(table, "a")).toEqual(message("a"));
    expect(tables.get(table, "x")).toBeUndefined();
  });

  it("are replaced in the named columns alone where the key is there", () => {
    const tables = withMessages(message("a"));
    const row = message("a", { text: "new", createdAt: "t1" });
    tables.apply([{ operation: "insert", table, row, replace: ["text"] }]);
    expect(tables.get(table, "a")).toEqual(message("a", { text: "new" }));
  });

  it("are updated where all columns match, one value or one of several", () => {
    const tables = withMessages(message("a"), message("b"), message("c", { turnId: id.turn("other") }));
    const set = { isStreaming: false };
    tables.apply([{ operation: "update", table, where: { messageId: id.message("a"), turnId: id.turn("x") }, set }]);
    expect(tables.rows(table).every((row) => row.isStreaming)).toBe(true);
    tables.apply([{ operation: "update", table, where: { messageId: [id.message("a"), id.message("b")] }, set }]);
    expect(tables.rows(table).map((row) => row.isStreaming)).toEqual([false, false, true]);
    tables.apply([{ operation: "update", table, where: { turnId: id.turn("other") }, set: { text: "!" } }]);
    expect(tables.rows(table).map((row) => row.text)).toEqual(["text", "text", "!"]);
  });

  it("grow by text at the end", () => {
    const tables = withMessages(message("a"), message("b"));
    const where = { messageId: id.message("a") };
    tables.apply([{ operation: "append-text", table, where, text: "!", set: { updatedAt: "t1" } }]);
    expect(tables.rows(table)).toEqual([message("a", { text: "text!", updatedAt: "t1" }), message("b")]);
  });

  it("are removed where they match, and with `above` only beyond a number", () => {
    const tables = new MemoryTables();
    const turn = (turnId: string, turnCount: number) =>
      ({ turnId: id.turn(turnId), threadId: id.thread, turnCount }) as TurnRow;
    tables.load("projection_thread_turns", [turn("a", 1), turn("b", 2), turn("c", 3)]);
    const removal = { operation: "remove", table: "projection_thread_turns", where: { threadId: id.thread } } as const;
    tables.apply([{ ...removal, above: { column: "turnCount", value: 2 } }]);
    expect(tables.rows("projection_thread_turns").map((row) => row.turnId)).toEqual(["a", "b"]);
    tables.apply([removal]);
    expect(tables.rows("projection_thread_turns")).toEqual([]);
  });

  it("are forgotten all at once", () => {
    const tables = withMessages(message("a"));
    tables.clear();
    expect(tables.rows(table)).toEqual([]);
  });
});
