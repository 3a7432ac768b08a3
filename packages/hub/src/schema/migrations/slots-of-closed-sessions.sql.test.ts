// What an earlier version left behind when a session was closed, and what the upgrade makes of it.
import type { Store } from "@muster/store";
import { DATABASES } from "@muster/store/testing";
import { describe, expect, test } from "vitest";
import { populate, STAMP, tryRow } from "../test-database.ts";
import { HUB_MIGRATIONS } from "./index.ts";

const BEFORE = HUB_MIGRATIONS.migrations.filter(({ number }) => number < 9);
const CLOSED_AT = "2026-02-01T00:00:00.000Z";
const LATER = "2026-03-01T00:00:00.000Z";

const write = async (store: Store, table: Parameters<typeof tryRow>[1], values: Parameters<typeof tryRow>[2]) =>
  expect(await tryRow(store, table, values)).toBe("written");

/** Two sessions in each space, of which one is closed, with slots of every state in both. */
async function leaveBehind(store: Store): Promise<void> {
  await populate(store);
  for (const space_id of ["space", "other"])
    await write(store, "sessions", { space_id, session_id: "closed", state: "closed", updated_at: CLOSED_AT });
  const slot = (node_id: string, session_id: string, state: string, more = {}) =>
    write(store, "runtime_node_attachments", { id: `${node_id}-${session_id}`, node_id, session_id, state, ...more });
  await slot("works", "closed", "online", { epoch: 7 });
  await slot("waits", "closed", "registering");
  await slot("troubled", "closed", "degraded", { attached_at: LATER });
  await slot("gone", "closed", "offline", { detached_at: LATER, detach_reason: "lunch" });
  await slot("out", "closed", "revoked", { detached_at: LATER, detach_reason: "stolen" });
  await slot("lives", "session", "online");
  await slot("same", "closed", "online", { space_id: "other" });
}

describe.each(DATABASES)("%s", (_database, openStore) => {
  test("NOD-8 slots that are active in a closed session end with the upgrade, with their history, and no others", async () => {
    const { store, dispose } = await openStore();
    await store.migrate({ ...HUB_MIGRATIONS, migrations: BEFORE }, STAMP);
    await leaveBehind(store);
    await store.migrate(HUB_MIGRATIONS, STAMP);
    const lines = async (sql: string) =>
      (await store.read({ sql, parameters: [] })).map((row) => Object.values(row).map(String).join(" "));
    expect(
      await lines(
        "SELECT space_id, node_id, state, detach_reason, detached_at FROM runtime_node_attachments ORDER BY space_id, node_id",
      ),
    ).toEqual([
      `other same offline session_closed ${CLOSED_AT}`,
      `space gone offline lunch ${LATER}`,
      "space lives online null null",
      `space out revoked stolen ${LATER}`,
      `space troubled offline session_closed ${LATER}`,
      `space waits offline session_closed ${CLOSED_AT}`,
      `space works offline session_closed ${CLOSED_AT}`,
    ]);
    expect(
      await lines(
        "SELECT space_id, attachment_id, session_id, participant_id, node_id, action, epoch, reason, at FROM runtime_node_attachment_log ORDER BY space_id, node_id",
      ),
    ).toEqual([
      `other same-closed closed person same detached 1 session_closed ${CLOSED_AT}`,
      `space troubled-closed closed person troubled detached 1 session_closed ${LATER}`,
      `space waits-closed closed person waits detached 1 session_closed ${CLOSED_AT}`,
      `space works-closed closed person works detached 7 session_closed ${CLOSED_AT}`,
    ]);
    // Free for another session.
    await write(store, "runtime_node_attachments", { id: "new", node_id: "works", state: "online" });
    await dispose();
  });
});
