// What the orchestration tables refuse by themselves, tried with rows that break one rule each.
import { SpaceId } from "@muster/contracts";
import type { Store } from "@muster/store";
import { DATABASES } from "@muster/store/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Table, Values } from "./sample-rows.ts";
import { type OpenedHubDatabase, openHubDatabase, tryRow } from "./test-database.ts";
import { messageIdUse, turnIdUse } from "./used-ids.ts";

describe.each(DATABASES)("%s", (_database, openStore) => {
  let database: OpenedHubDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await openHubDatabase(openStore);
    store = database.store;
  });
  afterEach(() => database.dispose());

  /** The row is taken, the same key again is refused by the named rule, and taken in another space. */
  const keyedWithinSpace = async (table: Table, rule: string, again: Values = {}): Promise<void> => {
    expect(await tryRow(store, table)).toBe("written");
    expect(await tryRow(store, table, again)).toBe(rule);
    expect(await tryRow(store, table, { ...again, space_id: "other" })).toBe("written");
  };

  test("ORC-7 an event's sequence is unique in the whole store", async () => {
    expect(await tryRow(store, "orchestration_events")).toBe("written");
    const elsewhere = { space_id: "other", event_id: "e2", stream_id: "s2" };
    expect(await tryRow(store, "orchestration_events", elsewhere)).toBe("orchestration_events_pkey");
  });

  test("ORC-7 an event id is unique in its space and free in another", async () => {
    expect(await tryRow(store, "orchestration_events")).toBe("written");
    expect(await tryRow(store, "orchestration_events", { sequence: 2, stream_version: 2 })).toBe(
      "orchestration_events_event_id_key",
    );
    expect(await tryRow(store, "orchestration_events", { sequence: 2, space_id: "other" })).toBe("written");
  });

  test("ORC-7 ORC-4 a stream has each version once, from 1, in its space and kind", async () => {
    const again = { sequence: 2, event_id: "e2" };
    expect(await tryRow(store, "orchestration_events")).toBe("written");
    expect(await tryRow(store, "orchestration_events", again)).toBe(
      "orchestration_events_stream_id_stream_version_key",
    );
    expect(await tryRow(store, "orchestration_events", { ...again, aggregate_kind: "project" })).toBe("written");
    expect(await tryRow(store, "orchestration_events", { ...again, sequence: 3, space_id: "other" })).toBe("written");
    const zero = { sequence: 4, event_id: "e4", stream_version: 0 };
    expect(await tryRow(store, "orchestration_events", zero)).toBe("orchestration_events_stream_version_check");
  });

  test("ORC-8 a command has one receipt in its space", async () => {
    await keyedWithinSpace("orchestration_command_receipts", "orchestration_command_receipts_pkey");
  });

  test("ORC-9 a range of turns has one diff in its thread", async () => {
    await keyedWithinSpace("checkpoint_diff_blobs", "checkpoint_diff_blobs_pkey");
    expect(await tryRow(store, "checkpoint_diff_blobs", { to_turn_count: 2 })).toBe("written");
  });

  test("ORC-10 an effect is there once in its space", async () => {
    await keyedWithinSpace("orchestration_effects", "orchestration_effects_pkey", { kind: "other" });
  });

  test("ORC-11 a journal has one cursor in its space, and each of its rows is refused once", async () => {
    await keyedWithinSpace("ingest_cursors", "ingest_cursors_pkey", { last_sequence: 2 });
    await keyedWithinSpace("ingest_rejected", "ingest_rejected_pkey", { code: "other" });
    expect(await tryRow(store, "ingest_cursors", { journal_id: "second" })).toBe("written");
  });

  const PROJECTIONS: readonly Table[] = [
    "projection_projects",
    "projection_threads",
    "projection_thread_messages",
    "projection_thread_activities",
    "projection_thread_sessions",
    "projection_thread_turns",
    "projection_checkpoints",
    "projection_pending_approvals",
  ];

  test.each(PROJECTIONS)("ORC-12 a key of %s is there once in its space", async (table) => {
    await keyedWithinSpace(table, `${table}_pkey`, { updated_at: "later" });
  });

  test("ORC-12 a checkpoint's turn count is unique in its thread, whatever its turn", async () => {
    expect(await tryRow(store, "projection_checkpoints")).toBe("written");
    expect(await tryRow(store, "projection_checkpoints", { turn_id: "another" })).toBe("projection_checkpoints_pkey");
  });

  test("ORC-12 a projector has one cursor for the whole store", async () => {
    expect(await tryRow(store, "projection_state")).toBe("written");
    expect(await tryRow(store, "projection_state")).toBe("projection_state_pkey");
  });

  const CLOSED_SETS: readonly (readonly [string, Table, string])[] = [
    ["ORC-7", "orchestration_events", "aggregate_kind"],
    ["ORC-7", "orchestration_events", "actor_kind"],
    ["ORC-8", "orchestration_command_receipts", "status"],
    ["ORC-10", "orchestration_effects", "status"],
    ["ORC-12", "projection_threads", "runtime_mode"],
    ["ORC-12", "projection_thread_messages", "role"],
    ["ORC-12", "projection_thread_activities", "tone"],
    ["ORC-12", "projection_thread_sessions", "status"],
    ["ORC-12", "projection_thread_turns", "status"],
    ["ORC-12", "projection_checkpoints", "status"],
    ["ORC-12", "projection_pending_approvals", "status"],
    ["ORC-12", "projection_pending_approvals", "decision"],
  ];

  test.each(CLOSED_SETS)("%s %s refuses a %s outside its closed set", async (_, table, column) => {
    expect(await tryRow(store, table, { [column]: "unheard of" })).toBe(`${table}_${column}_check`);
    expect(await tryRow(store, table)).toBe("written");
  });

  test("ORC-12 a number in a text column, or a text in a number's, is a statement's mistake", async () => {
    await expect(tryRow(store, "projection_thread_turns", { turn_count: "three" })).rejects.toMatchObject({
      code: "invalid_statement",
    });
  });

  test("ORC-18 a message id and a turn id are found in the log of their space by whoever used them first", async () => {
    const payload_json = JSON.stringify({ messageId: "m1", turnId: "t1" });
    await tryRow(store, "orchestration_events", { event_type: "thread.message-sent", payload_json });
    const requested = {
      sequence: 2,
      event_id: "e2",
      stream_version: 2,
      event_type: "thread.turn-start-requested",
      payload_json,
    };
    await tryRow(store, "orchestration_events", requested);
    expect(await store.read(messageIdUse(store.dialect, { spaceId: SpaceId.parse("space"), id: "m1" }))).toEqual([
      { stream_id: "stream_id" },
    ]);
    expect(await store.read(turnIdUse(store.dialect, { spaceId: SpaceId.parse("space"), id: "t1" }))).toEqual([
      { stream_id: "stream_id" },
    ]);
    expect(await store.read(turnIdUse(store.dialect, { spaceId: SpaceId.parse("space"), id: "t2" }))).toEqual([]);
    expect(await store.read(turnIdUse(store.dialect, { spaceId: SpaceId.parse("other"), id: "t1" }))).toEqual([]);
  });

  test("ORC-18 a used id is found whatever else the payload holds: NUL, half a surrogate pair, what looks like the field", async () => {
    const text = 'NUL \u0000, half \ud83d, "messageId":"decoy", {"messageId":"decoy"}, \\';
    const payload_json = JSON.stringify({ text, messageId: "m1", nested: { messageId: "later" } });
    expect(await tryRow(store, "orchestration_events", { event_type: "thread.message-sent", payload_json })).toBe(
      "written",
    );
    expect(await store.read(messageIdUse(store.dialect, { spaceId: SpaceId.parse("space"), id: "m1" }))).toEqual([
      { stream_id: "stream_id" },
    ]);
    expect(await store.read(messageIdUse(store.dialect, { spaceId: SpaceId.parse("space"), id: "decoy" }))).toEqual([]);
  });

  test("texts sort by their bytes, whatever the database's language", async () => {
    for (const thread_id of ["a", "B", "ä", "Z", "_"]) await tryRow(store, "projection_threads", { thread_id });
    const rows = await store.read({
      sql: "SELECT thread_id FROM projection_threads ORDER BY thread_id",
      parameters: [],
    });
    expect(rows.map((row) => row["thread_id"])).toEqual(["B", "Z", "_", "a", "ä"]);
  });
});
