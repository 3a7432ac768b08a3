// Ends parts of the program at random moments, one blow at a time, and starts what died again.
import { setTimeout as pause } from "node:timers/promises";
import type { Parts } from "./parts.ts";
import type { Dice } from "./random.ts";

export const BLOWS = ["kill-hub", "kill-daemon", "kill-agent", "kill-everything", "stop-hub", "stop-daemon"] as const;
export type Blow = (typeof BLOWS)[number];

export interface KillerOptions {
  readonly parts: Parts;
  readonly dice: Dice;
  readonly signal: AbortSignal;
  /** Blows in their order, or undefined for random ones until the signal. */
  readonly schedule?: readonly Blow[];
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
  readonly onBlow: (blow: Blow) => void;
}

/** Resolves when the schedule is over or the signal came; hub and daemon run then. */
export async function killAtRandom(options: KillerOptions): Promise<void> {
  const { dice, signal, schedule, pauseMinMs, pauseMaxMs, onBlow } = options;
  const planned = schedule === undefined ? undefined : [...schedule];
  while (!signal.aborted && planned?.length !== 0) {
    await pause(dice.between(pauseMinMs, pauseMaxMs), undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const blow = planned?.shift() ?? dice.pick(BLOWS);
    onBlow(blow);
    await strike(options, blow);
  }
}

async function strike({ parts, dice }: KillerOptions, blow: Blow): Promise<void> {
  const away = () => pause(dice.chance(0.5) ? 0 : dice.between(1, 1_500));
  switch (blow) {
    case "kill-hub":
    case "stop-hub":
      await parts.hub.end(blow === "kill-hub" ? "SIGKILL" : "SIGTERM");
      await away();
      return parts.startHub();
    case "kill-daemon":
    case "stop-daemon":
      await parts.daemon.end(blow === "kill-daemon" ? "SIGKILL" : "SIGTERM");
      await away();
      return parts.startDaemon();
    case "kill-agent": {
      const agents = parts.agents();
      if (agents.length === 0) return;
      try {
        process.kill(dice.pick(agents), "SIGKILL");
      } catch {
        // It ended meanwhile.
      }
      return;
    }
    case "kill-everything": {
      const agents = parts.agents();
      await Promise.all([parts.hub.end("SIGKILL"), parts.daemon.end("SIGKILL")]);
      for (const pid of agents.filter(() => dice.chance(0.5))) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It ended with its daemon.
        }
      }
      await away();
      const isHubFirst = dice.chance(0.5);
      if (isHubFirst) await parts.startHub();
      await parts.startDaemon();
      if (!isHubFirst) await parts.startHub();
    }
  }
}
