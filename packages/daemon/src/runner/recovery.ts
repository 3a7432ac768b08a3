// What a daemon that was killed left behind is ended and told before anything new runs: agents' process groups first,
// then the calls that had begun, the checkpoint and one ending per turn that was running, in one transaction, so that it
// is told exactly once.
import type { InternalCommand } from "@muster/contracts";
import type { Checkpoints } from "../checkpoints/index.ts";
import type { BegunCallLedger, EffectLedger, Journal, JournalEntry, ProviderSessionLedger } from "../journal/index.ts";
import { endLeftovers, type LeftoverResult, type Timers } from "../processes/index.ts";
import { LEAVING_TERMINATE_WAIT_MS } from "./limits.ts";
import { takeMissingEnd } from "./missing-end.ts";

export interface Recovered {
  readonly turns: number;
  readonly processGroups: readonly LeftoverResult[];
}

/** Nothing is left to do when it is called again. */
export async function recover(tools: {
  readonly journal: Journal;
  readonly effects: EffectLedger;
  readonly begunCalls: BegunCallLedger;
  readonly sessions: ProviderSessionLedger;
  readonly timers: Timers;
  readonly checkpoints: Checkpoints;
  readonly workspaceRoots: readonly string[];
}): Promise<Recovered> {
  const { journal, effects, begunCalls, sessions, timers } = tools;
  const leftovers = await sessions.leftovers();
  const processGroups = await endLeftovers(
    leftovers.flatMap((leftover) => leftover.processGroups),
    { timers, limits: { terminateWaitMs: LEAVING_TERMINATE_WAIT_MS } },
  );
  const stuck = new Set(processGroups.filter(({ result }) => result === "stuck").map(({ record }) => record));
  const turns = await effects.runningTurns();
  const ends = new Map<string, readonly InternalCommand[]>();
  for (const turn of turns) {
    const begun = await begunCalls.unrecorded(turn.turnId);
    ends.set(turn.turnId, [...begun, ...(await takeMissingEnd(turn, tools))]);
  }
  const entries: JournalEntry[] = turns.flatMap(({ threadId, turnId, providerName, correlationId }) => [
    ...(ends.get(turnId) ?? []).map((command) => ({ command, correlationId })),
    {
      command: {
        type: "thread.turn.settle",
        threadId,
        turnId,
        status: "interrupted",
        reason: "node_restarted",
        detail: null,
      },
      correlationId,
    },
    {
      command: {
        type: "thread.session.set",
        threadId,
        status: "stopped",
        providerName,
        providerSessionId: null,
        providerThreadId: null,
        activeTurnId: null,
        lastError: null,
      },
      correlationId,
    },
  ]);
  await journal.append(entries, [
    ...leftovers.flatMap(({ providerSessionId, processGroups: groups }) => [
      // One that survives SIGKILL is tried again at the next start.
      sessions.processGroups(
        providerSessionId,
        groups.filter((group) => stuck.has(group)),
      ),
      sessions.ended(providerSessionId, "stopped"),
    ]),
    ...turns.map(({ turnId }) => effects.turnSettled(turnId)),
    begunCalls.allRecorded(),
  ]);
  return { turns: turns.length, processGroups };
}
