// Filling shadow tables from the log, a step at a time. Runs where the shadows stand: in a scratch of the store, in a thread
// of its own and beside everyone's way, or among the store's own tables, in the event loop. What goes in and comes out is
// plain data, because it may travel between threads; a step remembers nothing of the one before.
import type { ProjectorName, Rebuild } from "@muster/contracts";
import { type Guard, integer, type Store, select, type Workbench } from "@muster/store";
import { logQueries } from "./event-log.ts";
import { type ReadEvent, readEvent as readEventOfToday, SkippedEvents } from "./event-reader.ts";
import { type LogPage, readLogPage, writePage } from "./log-pages.ts";
import {
  addCandidates,
  createCandidates,
  createShadows,
  findCandidates,
  indexShadowsByThread,
  shadowName,
  tablesOf,
} from "./shadow-tables.ts";

/** Pages of one step. Between steps the lease is renewed, and a hub that stops is heard: each a few tenths of a second. */
const STEP_PAGES_MAX = 5;

export interface FillRequest {
  readonly kind: "fill";
  readonly projectors: readonly ProjectorName[];
  /** Its last event is in the shadows already. */
  readonly after: number;
  /** Must hold at each write. */
  readonly guard: Guard;
  /** Fewer events than usual in a page. */
  readonly pageEventsMax?: number;
  /** At the log's head the shadows are compared with the live rows, beside everyone's way. */
  readonly compares: boolean;
  /** They have been compared: rows that change from now on are candidates too. */
  readonly isCompared: boolean;
}

export interface Filled {
  /** The guard held all the time. If not, the rest says nothing. */
  readonly isMine: boolean;
  /** Sequence of the last event in the shadows. */
  readonly last: number;
  /** Where the log ended before the last page was read; above `last` where there is more. */
  readonly head: number;
  readonly skipped: Rebuild["skipped"];
  /** The candidates for the swap are known: live rows and shadows were compared as of `last`, now or before. */
  readonly isCompared: boolean;
}

interface CreateRequest {
  readonly kind: "create";
  readonly projectors: readonly ProjectorName[];
}

export type ShadowRequest = CreateRequest | FillRequest;

/** What a store's scratch does for a rebuild. */
export async function workOnShadows(bench: Workbench, request: ShadowRequest): Promise<Filled | null> {
  if (request.kind === "fill") return fill(bench, request, readEventOfToday);
  const tables = tablesOf(request.projectors);
  await bench.commit({ guards: [], statements: [...createShadows(tables), ...createCandidates(tables)] });
  return null;
}

/** Where the shadows of a rebuild stand. */
export interface ShadowPlace {
  /** Rows can be compared before the swap, so that it looks at candidates alone. */
  readonly comparesBefore: boolean;
  fill(request: FillRequest): Promise<Filled>;
  commit: Store["commit"];
  close(): Promise<void>;
}

/** Sequence of the log's last event, as a guard asks for it: 0 while nothing has happened. */
export const headOfLog = select({
  request: {},
  row: { head: integer() },
  sql: "SELECT coalesce(max(sequence), 0) AS head FROM orchestration_events",
});

/** Whether they stand beside the store. If not, they are made and dropped by commits of the store. */
export const hasScratch = ({ store, readEvent }: PlaceParts): boolean =>
  // Readers of one's own, as tests have, do not travel between threads.
  store.openScratch !== undefined && readEvent === readEventOfToday;

interface PlaceParts {
  readonly store: Store;
  readonly readEvent: ReadEvent;
}

/** Throws StoreError. */
export async function openShadows(parts: PlaceParts, projectors: readonly ProjectorName[]): Promise<ShadowPlace> {
  const { store, readEvent } = parts;
  if (!hasScratch(parts) || store.openScratch === undefined) {
    return {
      comparesBefore: false,
      fill: (request) => fill(store, request, readEvent),
      commit: (batch) => store.commit(batch),
      close: async () => undefined,
    };
  }
  const scratch = await store.openScratch();
  try {
    await scratch.work({ kind: "create", projectors } satisfies ShadowRequest);
  } catch (error) {
    await scratch.close();
    throw error;
  }
  return {
    comparesBefore: true,
    fill: async (request) => (await scratch.work(request)) as Filled,
    commit: (batch) => scratch.commit(batch),
    close: () => scratch.close(),
  };
}

interface Page extends LogPage {
  readonly head: number;
}

async function fill(bench: Workbench, request: FillRequest, readEvent: ReadEvent): Promise<Filled> {
  const { projectors, pageEventsMax: eventsMax, guard } = request;
  const skipped = new SkippedEvents();
  const read = async (after: number): Promise<Page> => {
    // Before the page, so that under constant appends a page still reaches the head that it is measured by.
    const [head] = await bench.read(logQueries.head(bench.dialect, {}));
    const page = await readLogPage(after, {
      store: bench,
      readEvent,
      projectorsAt: () => projectors,
      ...(eventsMax && { eventsMax }),
    });
    return { ...page, head: Math.max(page.last, head?.head ?? 0) };
  };
  let reading = read(request.after);
  for (let pages = 1; ; pages += 1) {
    const page = await reading;
    const isLast = pages >= STEP_PAGES_MAX || page.last >= page.head;
    // The next page is read while this one is written. Should writing fail, nobody waits for it any more.
    if (!isLast) reading = read(page.last);
    reading.catch(() => undefined);
    const { statements, removedByThread, rows } = await writePage(bench, page, shadowName);
    const candidates = request.isCompared
      ? rows.flatMap(({ spaceId, table, rows }) => addCandidates(bench.dialect, spaceId, table, rows))
      : [];
    const result = await bench.commit({
      guards: [guard],
      statements: [...indexShadowsByThread([...removedByThread]), ...statements, ...candidates],
    });
    skipped.addAll(page.skipped);
    const isMine = result.status === "committed";
    if (!isLast && isMine) continue;
    const { last, head } = page;
    const isCompared =
      request.isCompared || (isMine && request.compares && last >= head && (await compare(bench, request, last)));
    const { count, kinds } = skipped;
    return { isMine, last, head, skipped: { count, kinds: [...kinds] }, isCompared };
  }
}

/** False where the log has grown meanwhile: then the live rows are of another moment, and nothing was compared. */
async function compare(bench: Workbench, { guard, projectors }: FillRequest, head: number): Promise<boolean> {
  const guards = [guard, { query: headOfLog(bench.dialect, {}), expected: [{ head }] }];
  const result = await bench.commit({ guards, statements: findCandidates(tablesOf(projectors)) });
  return result.status === "committed";
}
