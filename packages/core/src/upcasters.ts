// Older payloads brought to the shape of today when they are read; the log's bytes are never rewritten. An upcaster is
// keyed by the event type and the version it was stored with, and leads to a higher one, so every chain ends.
import type { WireEvent } from "@muster/contracts";

/** What an upcaster may change. The event's place, time and origin stay as they were. */
export interface Upcasted {
  readonly payload: WireEvent["payload"];
  /** Where the fact has another name today. */
  readonly eventType?: string;
}

export interface Upcaster {
  readonly eventType: string;
  /** MAJOR.MINOR as stored. */
  readonly from: string;
  /** The version its answer has; above `from`. */
  readonly to: string;
  /** Pure. May throw for a payload it cannot read: the event is then kept as it is stored and skipped. */
  upcast(payload: WireEvent["payload"]): Upcasted;
}

/** An event as programs of today read it, whatever is known of it; what no upcaster is keyed to comes back as it is. */
export type Upcast = <Event extends Pick<WireEvent, "eventType" | "schemaVersion" | "payload">>(event: Event) => Event;

/** Every change of a payload's MAJOR adds one here, and it stays for ever: somebody's log holds such events. */
export const EVENT_UPCASTERS: readonly Upcaster[] = [];

const VERSION = /^(\d+)\.(\d+)$/;

const isAbove = (version: string, other: string): boolean => {
  const [, major, minor] = VERSION.exec(version) ?? [];
  const [, otherMajor, otherMinor] = VERSION.exec(other) ?? [];
  if (major === undefined || otherMajor === undefined) return false;
  return Number(major) > Number(otherMajor) || (major === otherMajor && Number(minor) > Number(otherMinor));
};

/** Throws for two upcasters of one key and for one that leads nowhere: both are bugs of the program. */
export function createUpcast(upcasters: readonly Upcaster[]): Upcast {
  const byKey = new Map<string, Upcaster>();
  for (const upcaster of upcasters) {
    const key = `${upcaster.eventType} ${upcaster.from}`;
    if (!isAbove(upcaster.to, upcaster.from))
      throw new Error(`the upcaster of ${key} must lead to a higher MAJOR.MINOR, not to ${upcaster.to}`);
    if (byKey.has(key)) throw new Error(`there are two upcasters of ${key}`);
    byKey.set(key, upcaster);
  }
  if (byKey.size === 0) return (event) => event;
  return (event) => {
    let current = event;
    try {
      // Each step leads to a higher version, so this ends.
      for (;;) {
        const upcaster = byKey.get(`${current.eventType} ${current.schemaVersion}`);
        if (upcaster === undefined) return current;
        const { payload, eventType = current.eventType } = upcaster.upcast(current.payload);
        current = { ...current, eventType, payload, schemaVersion: upcaster.to };
      }
    } catch {
      return event;
    }
  };
}
