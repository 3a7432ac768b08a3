// How every reader of the log reads: a stored row as an event of today's shape, by the upcasters; and a count of what
// could not be read, because such events are kept and passed, never a reason to stop.
import type { WireEvent } from "@muster/contracts";
import { createUpcast, EVENT_UPCASTERS, type Upcaster } from "@muster/core";
import {
  type EventRow,
  type Known,
  knownEvent,
  type ProjectedRow,
  type ProjectedWireEvent,
  projectedEventOf,
  wireEventOf,
} from "./event-log.ts";

/** Different types and versions of skipped events that are told apart; the rest are counted together. */
export const SKIPPED_KINDS_MAX = 50;

/** A stored row as it goes to readers: upcast where an upcaster is keyed to it, else exactly as it stands. */
export interface ReadEvent {
  (row: EventRow): WireEvent;
  /** As it goes to projectors, who follow a whole log by the few columns that they look at. */
  projected(row: ProjectedRow): ProjectedWireEvent;
}

export const eventReader = (upcasters: readonly Upcaster[] = EVENT_UPCASTERS): ReadEvent => {
  const upcast = createUpcast(upcasters);
  return Object.assign((row: EventRow) => upcast(wireEventOf(row)), {
    projected: (row: ProjectedRow) => upcast(projectedEventOf(row)),
  });
};

/** With the upcasters of this program. */
export const readEvent: ReadEvent = eventReader();

export interface SkippedKind {
  readonly eventType: string;
  readonly schemaVersion: string;
  readonly count: number;
}

/** Events that no projector could take, counted by type and version. */
export class SkippedEvents {
  readonly #kinds = new Map<string, { eventType: string; schemaVersion: string; count: number }>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get kinds(): readonly SkippedKind[] {
    return [...this.#kinds.values()];
  }

  /** The event for projectors, or null where it had to be skipped and was counted. */
  known(event: ProjectedWireEvent): Known<ProjectedWireEvent> | null {
    const known = knownEvent(event);
    if (known === null) this.#add(event, 1);
    return known;
  }

  addAll(others: { readonly count: number; readonly kinds: readonly SkippedKind[] }): void {
    for (const kind of others.kinds) this.#add(kind, kind.count);
    this.#count += others.count - others.kinds.reduce((sum, { count }) => sum + count, 0);
  }

  toString(): string {
    const kinds = this.kinds.map(({ eventType, schemaVersion, count }) => `${count} of ${eventType} ${schemaVersion}`);
    const others = this.#count - this.kinds.reduce((sum, { count }) => sum + count, 0);
    return [...kinds, ...(others > 0 ? [`${others} of other types`] : [])].join(", ");
  }

  #add({ eventType, schemaVersion }: Pick<WireEvent, "eventType" | "schemaVersion">, count: number): void {
    this.#count += count;
    const key = `${eventType} ${schemaVersion}`;
    const kind = this.#kinds.get(key);
    if (kind !== undefined) kind.count += count;
    else if (this.#kinds.size < SKIPPED_KINDS_MAX) this.#kinds.set(key, { eventType, schemaVersion, count });
  }
}
