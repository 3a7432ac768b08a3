// Says what is wrong with a run. Each promise has a name and a check of its own; a check is a pure function of the
// evidence, so that a planted fault shows which check would have found it.

import { checkCommands, checkFollowers, checkLog } from "./check-log.ts";
import {
  checkEffects,
  checkIngest,
  checkLeftovers,
  checkProblems,
  checkProjections,
  checkRefs,
  checkUnrest,
} from "./check-rest.ts";
import { checkApprovals, checkExecutions, checkQueue, checkReverts, checkTexts, checkTurns } from "./check-turns.ts";
import type { Evidence } from "./evidence.ts";
import { readStory, type Story } from "./story.ts";

export type Check = (evidence: Evidence, story: Story) => Iterable<string>;

export const CHECKS = {
  /** An accepted command's events are there once, with its receipt; a refused one left nothing. */
  commands: checkCommands,
  /** Sequences grow, event ids are unique, stream versions have no gap. */
  log: checkLog,
  /** Every turn that was started ended once, none is stuck. */
  turns: checkTurns,
  /** Turns start in the order in which they were queued. */
  queue: checkQueue,
  /** No turn ran twice, every completed one ran, none ran that was not started. */
  executions: checkExecutions,
  /** What is stored of an answer is what the agent said. */
  texts: checkTexts,
  /** Every question was answered or expired, once, and the agent got that answer. */
  approvals: checkApprovals,
  /** Every revert that was accepted ended, once. */
  reverts: checkReverts,
  /** Rows equal a fold of the log, cursors stand at its head. */
  projections: checkProjections,
  /** One effect per event that asks for one; none waits, what was done was taken over. */
  effects: checkEffects,
  /** The hub took all of the daemon's journal, and refused only what came too late. */
  ingest: checkIngest,
  /** A reader saw every event once and in order, or was told to take a snapshot. */
  followers: checkFollowers,
  /** Checkpoints that are ready have their hidden ref, and those of turns that a revert dropped are put aside. */
  refs: checkRefs,
  /** No process outlived what it worked for. */
  leftovers: checkLeftovers,
  /** Without work and blows everything comes to its end by itself, not only when something is started anew. */
  rest: checkUnrest,
  /** Neither clients nor the hub's own log met a bug. */
  problems: checkProblems,
} as const satisfies Record<string, Check>;
export type PromiseName = keyof typeof CHECKS;

export interface Finding {
  readonly promise: PromiseName;
  readonly what: string;
}

/** Findings of one promise beyond this many are counted, not told. */
const FINDINGS_TOLD_MAX = 10;

export function check(evidence: Evidence): Finding[] {
  const story = readStory(evidence.hub.events);
  return (Object.keys(CHECKS) as PromiseName[]).flatMap((promise) => {
    const found = [...CHECKS[promise](evidence, story)];
    const told = found.slice(0, FINDINGS_TOLD_MAX).map((what) => ({ promise, what }));
    const more = found.length - told.length;
    return more > 0 ? [...told, { promise, what: `and ${more} more` }] : told;
  });
}
