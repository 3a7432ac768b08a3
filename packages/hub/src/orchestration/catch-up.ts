// Start-up: projectors that lie behind the log follow it in pages from the lowest cursor until its head, all of them in
// one pass; rows and cursors move in one transaction. In normal running they move with every append and there is
// nothing to do here.
import { type Clock, isoTime, PROJECTOR_NAMES } from "@muster/core";
import { change, integer, pick, type Store, select, text } from "@muster/store";
import { HUB_TABLES } from "../schema/index.ts";
import { logQueries } from "./event-log.ts";
import { type ReadEvent, readEvent as readEventOfToday, SkippedEvents } from "./event-reader.ts";
import { readLogPage, writePage } from "./log-pages.ts";

/** Events that no projector could read are passed and told to `onSkipped`, once for all: never a reason not to start. */
export async function catchUpProjections(
  store: Store,
  clock: Clock,
  onSkipped: (skipped: SkippedEvents) => void,
  readEvent: ReadEvent = readEventOfToday,
  pageEventsMax?: number,
): Promise<void> {
  const skipped = new SkippedEvents();
  try {
    while (await applyPage({ store, clock, readEvent, pageEventsMax }, skipped));
  } finally {
    if (skipped.count > 0) onSkipped(skipped);
  }
}

interface PageParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly readEvent: ReadEvent;
  readonly pageEventsMax: number | undefined;
}

const cursorsOf = select({
  request: {},
  row: pick(HUB_TABLES.projection_state, "projector", "last_applied_sequence"),
  sql: "SELECT projector, last_applied_sequence FROM projection_state ORDER BY projector",
});

const advanceCursors = change({
  request: { sequence: integer(), at: text() },
  sql: `UPDATE projection_state SET last_applied_sequence = :sequence, updated_at = :at
    WHERE last_applied_sequence < :sequence`,
});

/** False when every projector stands at the head. */
async function applyPage(
  { store, clock, readEvent, pageEventsMax: eventsMax }: PageParts,
  skipped: SkippedEvents,
): Promise<boolean> {
  const cursorQuery = cursorsOf(store.dialect, {});
  const [cursors, [newest]] = await store.readTransaction([cursorQuery, logQueries.head(store.dialect, {})]);
  const head = newest?.head ?? 0;
  const positions = new Map<string, number>(cursors.map((row) => [row.projector, row.last_applied_sequence]));
  const lowest = Math.min(...positions.values());
  if (!(lowest < head)) return false;
  const highest = positions.size < PROJECTOR_NAMES.length ? Number.POSITIVE_INFINITY : Math.max(...positions.values());
  const page = await readLogPage(lowest, {
    store,
    readEvent,
    projectorsAt: (sequence) =>
      sequence > highest
        ? PROJECTOR_NAMES
        : PROJECTOR_NAMES.filter((name) => (positions.get(name) ?? sequence) < sequence),
    ...(eventsMax && { eventsMax }),
  });
  const last = page.last > lowest ? page.last : head;
  const { statements } = await writePage(store, page);
  const result = await store.commit({
    // Where another process moved a projector meanwhile, nothing is written and the next page starts where they are then.
    guards: [{ query: cursorQuery, expected: cursors }],
    statements: [...statements, advanceCursors(store.dialect, { sequence: last, at: isoTime(clock.now()) })],
  });
  if (result.status === "committed") skipped.addAll(page.skipped);
  return true;
}
