// Start-up: projectors that lie behind the log follow it in pages until its head, rows and cursor in one transaction
// each. In normal running they move with every append and there is nothing to do here.
import { type Clock, isoTime, PROJECTOR_NAMES, type ProjectorName, project, type RowOperation } from "@muster/core";
import type { Store } from "@muster/store";
import { knownEvent, logQueries, wireEventOf } from "./event-log.ts";
import { query } from "./placeholders.ts";
import { projectionStatements } from "./projection-writer.ts";

const PAGE_EVENTS = 500;

/** Events that no projector could read are passed and told to `onSkipped`, never a reason not to start. */
export async function catchUpProjections(
  store: Store,
  clock: Clock,
  onSkipped: (error: unknown) => void,
): Promise<void> {
  const rows = await store.read(query(store.dialect, "SELECT projector, last_applied_sequence FROM projection_state"));
  const cursors = new Map(rows.map((row) => [String(row["projector"]), Number(row["last_applied_sequence"])]));
  const headRows = await store.read(logQueries(store.dialect).head());
  const head = Number(headRows[0]?.["head"] ?? 0);
  for (const name of PROJECTOR_NAMES) {
    let cursor = cursors.get(name) ?? 0;
    while (cursor < head) cursor = await applyPage(store, clock, name, cursor, onSkipped);
  }
}

async function applyPage(
  store: Store,
  clock: Clock,
  name: ProjectorName,
  cursor: number,
  onSkipped: (error: unknown) => void,
): Promise<number> {
  const rows = await store.read(logQueries(store.dialect).after(cursor, PAGE_EVENTS));
  const bySpace = new Map<string, RowOperation[]>();
  let last = cursor;
  for (const row of rows) {
    const wire = wireEventOf(row);
    last = wire.sequence;
    const event = knownEvent(wire);
    if (event === null) {
      onSkipped(
        new Error(`projector ${name} skipped event ${wire.sequence} of type ${wire.eventType} ${wire.schemaVersion}`),
      );
      continue;
    }
    const operations = bySpace.get(event.spaceId) ?? [];
    operations.push(...project(name, event));
    bySpace.set(event.spaceId, operations);
  }
  if (rows.length === 0) return Number.POSITIVE_INFINITY;
  const cursorQuery = query(
    store.dialect,
    "SELECT last_applied_sequence FROM projection_state WHERE projector = ?",
    name,
  );
  const result = await store.commit({
    guards: [{ query: cursorQuery, expected: [{ last_applied_sequence: cursor }] }],
    statements: [
      ...[...bySpace].flatMap(([spaceId, operations]) => projectionStatements(store.dialect, spaceId, operations)),
      query(
        store.dialect,
        "UPDATE projection_state SET last_applied_sequence = ?, updated_at = ? WHERE projector = ?",
        last,
        isoTime(clock.now()),
        name,
      ),
    ],
  });
  if (result.status === "committed") return last;
  // Another process moved this projector meanwhile: go on from where it is.
  const moved = await store.read(cursorQuery);
  return Number(moved[0]?.["last_applied_sequence"] ?? 0);
}
