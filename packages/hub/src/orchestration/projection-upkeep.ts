// Everything that keeps projections true to the log beside the appends themselves: catching up at start and after a
// conflict, rebuilding, and forgetting what was read from rows that a rebuild has replaced.
import type { Projections, ProjectorName, Rebuild } from "@muster/contracts";
import { type Clock, isoTime, PROJECTOR_NAMES } from "@muster/core";
import { insertInto, keyedReads, type Store, select } from "@muster/store";
import { HUB_TABLES } from "../schema/index.ts";
import { AppendGuard } from "./append-guard.ts";
import { catchUpProjections } from "./catch-up.ts";
import { type ReadEvent, SkippedEvents } from "./event-reader.ts";
import { Rebuilds } from "./rebuild.ts";
import type { Timers } from "./timers.ts";

const { projection_state: cursors } = HUB_TABLES;

const allCursors = select({
  request: {},
  row: cursors,
  sql: "SELECT * FROM projection_state ORDER BY projector",
});

export interface UpkeepOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly readEvent: ReadEvent;
  readonly replicaId: string;
  /** Fewer events than usual in a page of a rebuild or of catching up. */
  readonly pageEventsMax?: number;
  /** Rows were made anew, here or by another process: what was read from the old ones may be wrong. */
  readonly onRebuilt: () => void;
  readonly onBug: (error: unknown) => void;
  readonly onWarning: (message: string) => void;
}

export class ProjectionUpkeep {
  readonly #options: UpkeepOptions;
  readonly #rebuilds: Rebuilds;
  readonly #skipped = new SkippedEvents();
  readonly appendGuard: AppendGuard;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.appendGuard = new AppendGuard(options.store, options.clock);
    this.#rebuilds = new Rebuilds({ ...options, owner: options.replicaId });
  }

  /** Before anyone is answered: cursors are there, a dead rebuild is not, and rows stand at the log's head. */
  async open(): Promise<void> {
    const { store, clock } = this.#options;
    const rows = PROJECTOR_NAMES.map((projector) => ({
      projector,
      last_applied_sequence: 0,
      updated_at: isoTime(clock.now()),
    }));
    await store.commit({
      guards: [],
      statements: insertInto(store.dialect, HUB_TABLES, "projection_state", rows, { conflict: "ignore" }),
    });
    await this.#rebuilds.open();
    await this.#look();
    // Nobody is served yet, so reading here holds no one up, and spares the journey to a thread.
    await this.#catchUp(keyedReads(store));
  }

  /**
   * An append was refused: forgets what was read before a rebuild, waits while one swaps, and brings up what another
   * process left behind. Called by the dispatcher alone, between batches, so that nothing stale is kept after it.
   */
  async afterConflict(): Promise<void> {
    while (await this.#look()) await this.#rebuilds.pause(this.#options.timers);
    await this.#catchUp(this.#options.store);
  }

  rebuild(projector?: ProjectorName): Promise<Rebuild> {
    return this.#rebuilds.start(projector);
  }

  async status(): Promise<Pick<Projections, "projectors" | "skipped" | "rebuild">> {
    const { store } = this.#options;
    const rows = await store.read(allCursors(store.dialect, {}));
    return {
      projectors: rows.map((row) => ({
        name: row.projector,
        lastAppliedSequence: row.last_applied_sequence,
        updatedAt: row.updated_at,
      })),
      skipped: { count: this.#skipped.count, kinds: [...this.#skipped.kinds] },
      rebuild: await this.#rebuilds.newest(),
    };
  }

  /** Ends a rebuild that runs here. */
  close(): Promise<void> {
    return this.#rebuilds.close();
  }

  /** True while a rebuild, here or elsewhere, holds appends back. */
  async #look(): Promise<boolean> {
    const { isHeld, isRebuilt } = await this.appendGuard.refresh();
    if (isRebuilt) this.#options.onRebuilt();
    return isHeld;
  }

  #catchUp(store: Store): Promise<void> {
    const { clock, readEvent, onWarning, pageEventsMax } = this.#options;
    const onSkipped = (skipped: SkippedEvents): void => {
      this.#skipped.addAll(skipped);
      onWarning(`Projectors skipped ${skipped.count} events that this program cannot read: ${skipped}.`);
    };
    return catchUpProjections(store, clock, onSkipped, readEvent, pageEventsMax);
  }
}
