// Notices that an open feed is dead. A hub that stops or is killed breaks the stream and needs no watchdog; a network
// that silently goes away does not. Keep-alives come every 15 s, too rarely to tell within 5 s, so a silent stream is
// checked from outside: after 2 s without a byte the hub's health is asked for, every 2 s, with 2 s to answer; a failure
// means that the stream is dead too (at most 4.5 s after the last byte). When health answers and yet neither events nor
// keep-alives have come for 20 s, the stream alone is dead. Nothing is asked while nobody looks; a tab that is looked at
// again, or whose network changed, is checked at once.
import { FEED_KEEP_ALIVE_MS } from "@muster/contracts";
import type { Timing } from "../timing.ts";
import type { Surroundings } from "./surroundings.ts";

const CHECK_INTERVAL_MS = 500;
const QUIET_BEFORE_PROBE_MS = 2_000;
const PROBE_TIMEOUT_MS = 2_000;
const SILENCE_MAX_MS = FEED_KEEP_ALIVE_MS + 5_000;

export interface WatchdogParts {
  /** Asks the hub for a sign of life; rejects when there is none. */
  probe(signal: AbortSignal): Promise<unknown>;
  /** Called once. */
  onDead(): void;
  readonly timing: Timing;
  readonly surroundings: Surroundings;
}

export interface Watchdog {
  /** Bytes arrived. */
  heard(): void;
  stop(): void;
}

export function startWatchdog({ probe, onDead, timing, surroundings }: WatchdogParts): Watchdog {
  const ended = new AbortController();
  let lastHeardAt = timing.now();
  let lastAskedAt = lastHeardAt;
  let isAsking = false;

  const ask = async (): Promise<void> => {
    if (isAsking || ended.signal.aborted) return;
    isAsking = true;
    lastAskedAt = timing.now();
    const isAlive = await answersInTime(probe, timing, ended.signal);
    isAsking = false;
    if (!isAlive && !ended.signal.aborted) die();
  };
  const die = (): void => {
    stop();
    onDead();
  };
  const unsubscribe = surroundings.subscribe(() => void ask());
  const stop = (): void => {
    unsubscribe();
    ended.abort();
  };
  const watch = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await timing.wait(CHECK_INTERVAL_MS, ended.signal);
      if (ended.signal.aborted || !surroundings.isVisible()) continue;
      const now = timing.now();
      if (now - lastHeardAt >= SILENCE_MAX_MS && surroundings.isVisible()) return die();
      if (now - Math.max(lastHeardAt, lastAskedAt) >= QUIET_BEFORE_PROBE_MS) void ask();
    }
  };
  void watch();
  return {
    heard: () => {
      lastHeardAt = timing.now();
    },
    stop,
  };
}

async function answersInTime(probe: WatchdogParts["probe"], timing: Timing, ended: AbortSignal): Promise<boolean> {
  const call = new AbortController();
  const signal = AbortSignal.any([call.signal, ended]);
  const answered = probe(signal).then(
    () => true,
    () => false,
  );
  const isAlive = await Promise.race([answered, timing.wait(PROBE_TIMEOUT_MS, signal).then(() => false)]);
  call.abort();
  return isAlive;
}
