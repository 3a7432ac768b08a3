// What the hub's feed told while the demo ran: every event once and in order, every piece of live text.
import type { MusterClient } from "@muster/client";
import {
  type EventOf,
  type EventType,
  type FeedMessage,
  isKnownEvent,
  type LiveDelta,
  type MusterEvent,
  type TurnId,
  type WireEvent,
} from "@muster/contracts";
import { until, verify } from "./wait.ts";

export interface Watch {
  readonly events: readonly WireEvent[];
  readonly deltas: readonly LiveDelta[];
  /** The first event of the type that the test accepts, waited for. */
  event<Type extends EventType>(
    type: Type,
    what: string,
    accept: (event: EventOf<Type>) => boolean,
  ): Promise<EventOf<Type>>;
  settled(turnId: TurnId): Promise<EventOf<"thread.turn-settled">>;
  delta(turnId: TurnId, what: string): Promise<LiveDelta>;
  stop(): Promise<void>;
}

const WAIT_LIMIT_MS = 12_000;

export function watchFeed(client: MusterClient, after: string, signal: AbortSignal): Watch {
  const events: WireEvent[] = [];
  const deltas: LiveDelta[] = [];
  const stopping = new AbortController();
  let failure: unknown;
  const take = (message: FeedMessage): void => {
    if (message.type === "event") events.push(message.event);
    if (message.type === "delta") deltas.push(message.delta);
    verify(message.type !== "reset", "the feed goes on without a gap", message);
  };
  const followed = (async () => {
    const ends = AbortSignal.any([signal, stopping.signal]);
    for await (const message of client.followFeed({ after, signal: ends })) take(message);
  })().catch((error: unknown) => {
    failure = error;
  });
  const waitFor = <Found>(what: string, find: () => Found | undefined): Promise<Found> =>
    until(
      () => {
        if (failure !== undefined) throw failure;
        return find();
      },
      { what, timeoutMs: WAIT_LIMIT_MS, signal },
    );
  const event: Watch["event"] = (type, what, accept) =>
    waitFor(what, () =>
      events
        .filter(isKnownEvent)
        .find(
          (each: MusterEvent): each is EventOf<typeof type> =>
            each.eventType === type && accept(each as EventOf<typeof type>),
        ),
    );
  return {
    events,
    deltas,
    event,
    settled: (turnId) => event("thread.turn-settled", "the turn to end", ({ payload }) => payload.turnId === turnId),
    delta: (turnId, what) => waitFor(what, () => deltas.find((delta) => delta.turnId === turnId)),
    stop: async () => {
      stopping.abort();
      await followed;
    },
  };
}
