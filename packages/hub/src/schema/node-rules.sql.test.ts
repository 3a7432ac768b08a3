// What the tables of sessions and nodes refuse by themselves, tried with rows that break one rule each.
import { insertRows, type Store } from "@muster/store";
import { DATABASES } from "@muster/store/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Table } from "./sample-rows.ts";
import { brokenReference, type OpenedHubDatabase, openHubDatabase, planOf, populate, tryRow } from "./test-database.ts";

describe.each(DATABASES)("%s", (_database, openStore) => {
  let database: OpenedHubDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await openHubDatabase(openStore);
    store = database.store;
    await populate(store);
  });
  afterEach(() => database.dispose());

  test("NOD-1 a session id is unique in its space and belongs to one that exists", async () => {
    expect(await tryRow(store, "sessions")).toBe("sessions_pkey");
    expect(await tryRow(store, "sessions", { space_id: "nowhere", session_id: "third" })).toBe(
      brokenReference(store, "sessions_space_id_fkey"),
    );
  });

  test("NOD-1 a space's default session is one of its own", async () => {
    expect(await tryRow(store, "spaces", { space_id: "third", default_session_id: "session" })).toBe(
      brokenReference(store, "spaces_default_session_id_fkey"),
    );
  });

  test("NOD-2 a participant has one membership in a session, and both exist", async () => {
    expect(await tryRow(store, "session_memberships")).toBe("written");
    expect(await tryRow(store, "session_memberships", { role: "viewer" })).toBe("session_memberships_pkey");
    expect(await tryRow(store, "session_memberships", { session_id: "second" })).toBe("written");
    expect(await tryRow(store, "session_memberships", { participant_id: "stranger" })).toBe(
      brokenReference(store, "session_memberships_participant_id_fkey"),
    );
    expect(await tryRow(store, "session_memberships", { session_id: "nowhere" })).toBe(
      brokenReference(store, "session_memberships_session_id_fkey"),
    );
  });

  test("NOD-3 an invite's token hash is unique in the whole store", async () => {
    expect(await tryRow(store, "session_invites")).toBe("written");
    const twin = { space_id: "other", invite_id: "second" };
    expect(await tryRow(store, "session_invites", twin)).toBe("session_invites_token_hash_key");
    expect(await tryRow(store, "session_invites", { ...twin, token_hash: "another" })).toBe("written");
  });

  test("NOD-8 a slot registers unless told otherwise", async () => {
    const columns = [
      "space_id",
      "id",
      "session_id",
      "participant_id",
      "node_id",
      "client_version",
      "epoch",
      "attached_at",
    ];
    const row = ["space", "a1", "session", "person", "node", "1.0", 1, "now"];
    const [insert] = insertRows(store.dialect, "runtime_node_attachments", columns, [row]);
    const statement = { sql: `${insert?.sql} RETURNING state`, parameters: insert?.parameters ?? [], returning: true };
    expect(await store.commit({ guards: [], statements: [statement] })).toMatchObject({
      rows: [[{ state: "registering" }]],
    });
  });

  test("NOD-8 a node has one slot per session", async () => {
    expect(await tryRow(store, "runtime_node_attachments", { state: "offline" })).toBe("written");
    expect(await tryRow(store, "runtime_node_attachments", { id: "a2", state: "offline" })).toBe(
      "runtime_node_attachments_node_id_session_id_key",
    );
  });

  test.each(["registering", "online", "degraded"])(
    "NOD-8 NOD-13 a node that is %s in one session is active in no other, by the named index",
    async (state) => {
      expect(await tryRow(store, "runtime_node_attachments", { state })).toBe("written");
      const elsewhere = { id: "a2", session_id: "second" };
      expect(await tryRow(store, "runtime_node_attachments", elsewhere)).toBe(
        "runtime_node_attachments_active_node_key",
      );
      expect(await tryRow(store, "runtime_node_attachments", { ...elsewhere, state: "offline" })).toBe("written");
      expect(await tryRow(store, "runtime_node_attachments", { space_id: "other" })).toBe("written");
    },
  );

  test.each(["offline", "revoked"])(
    "NOD-8 a slot that is %s leaves its node free for another session",
    async (state) => {
      expect(await tryRow(store, "runtime_node_attachments", { state })).toBe("written");
      expect(await tryRow(store, "runtime_node_attachments", { id: "a2", session_id: "second" })).toBe("written");
    },
  );

  test("NOD-8 a slot's session and participant exist, and its history is kept", async () => {
    expect(await tryRow(store, "runtime_node_attachments", { session_id: "nowhere" })).toBe(
      brokenReference(store, "runtime_node_attachments_session_id_fkey"),
    );
    expect(await tryRow(store, "runtime_node_attachments", { participant_id: "stranger" })).toBe(
      brokenReference(store, "runtime_node_attachments_participant_id_fkey"),
    );
    expect(await tryRow(store, "runtime_node_attachment_log")).toBe("written");
    expect(await tryRow(store, "runtime_node_attachment_log", { log_id: "second", action: "detached" })).toBe(
      "written",
    );
  });

  test("NOD-9 a node has one presence in its space, and a last heartbeat always", async () => {
    expect(await tryRow(store, "runtime_node_presence")).toBe("written");
    expect(await tryRow(store, "runtime_node_presence")).toBe("runtime_node_presence_pkey");
    expect(await tryRow(store, "runtime_node_presence", { space_id: "other" })).toBe("written");
    const silent = { node_id: "second", last_heartbeat_at: null };
    expect(await tryRow(store, "runtime_node_presence", silent)).toBe(
      "runtime_node_presence_last_heartbeat_at_not_null",
    );
  });

  test("NOD-17 the sweep finds stale nodes by the index, not by a full scan", async () => {
    const sql =
      store.dialect === "sqlite"
        ? "UPDATE runtime_node_presence SET health_state = ? WHERE health_state = ? AND last_heartbeat_at < ?"
        : "UPDATE runtime_node_presence SET health_state = $1 WHERE health_state = $2 AND last_heartbeat_at < $3";
    const plan = await planOf(store, { sql, parameters: ["degraded", "online", "2026"] });
    expect(plan).toContain("runtime_node_presence_health_state_last_heartbeat_at_idx");
  });

  test("NOD-23 a principal, a node, a token and an audit entry are there once", async () => {
    expect(await tryRow(store, "principals")).toBe("principals_pkey");
    expect(await tryRow(store, "nodes")).toBe("written");
    expect(await tryRow(store, "nodes")).toBe("nodes_pkey");
    expect(await tryRow(store, "tokens")).toBe("written");
    expect(await tryRow(store, "tokens", { space_id: "other" })).toBe("tokens_pkey");
    expect(await tryRow(store, "audit_log")).toBe("written");
    expect(await tryRow(store, "audit_log")).toBe("audit_log_pkey");
  });

  test("NOD-23 a token's principal and a node's owner exist", async () => {
    expect(await tryRow(store, "tokens", { principal_id: "stranger" })).toBe(
      brokenReference(store, "tokens_principal_id_fkey"),
    );
    expect(await tryRow(store, "nodes", { owner: "stranger" })).toBe(brokenReference(store, "nodes_owner_fkey"));
    expect(await tryRow(store, "spaces")).toBe("spaces_pkey");
  });

  const CLOSED_SETS: readonly (readonly [string, Table, string])[] = [
    ["NOD-1", "sessions", "state"],
    ["NOD-2", "session_memberships", "role"],
    ["NOD-2", "session_memberships", "state"],
    ["NOD-3", "session_invites", "role"],
    ["NOD-3", "session_invites", "state"],
    ["NOD-8", "runtime_node_attachments", "state"],
    ["NOD-8", "runtime_node_attachment_log", "action"],
    ["NOD-9", "runtime_node_presence", "health_state"],
    ["NOD-23", "principals", "kind"],
  ];

  test.each(CLOSED_SETS)("%s %s refuses a %s outside its closed set", async (_, table, column) => {
    const own = { session_id: table === "sessions" ? "third" : "session", principal_id: "third" };
    expect(await tryRow(store, table, { ...own, [column]: "unheard of" })).toBe(`${table}_${column}_check`);
    expect(await tryRow(store, table, own)).toBe("written");
  });
});
