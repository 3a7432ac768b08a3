// Ending a process group: TERM, wait, KILL, wait until it is empty.
// Invariant: a signal is sent only after the group was recognised as the recorded one, never to a number alone.
import {
  carriesMark,
  groupMembers,
  isOfThisBoot,
  type ProcessGroupRecord,
  processFacts,
  splitStartTime,
} from "./identity.ts";
import { delay, type Timers } from "./timers.ts";

export interface EndLimits {
  /** From SIGTERM to SIGKILL. */
  readonly terminateWaitMs: number;
  /** From SIGKILL until a group that still lives is reported as `stuck` (a process in the kernel can't be ended). */
  readonly killWaitMs: number;
}

export const END_LIMITS: EndLimits = { terminateWaitMs: 5_000, killWaitMs: 5_000 };

/** `gone`: nothing of it was left; `ended`: it was ended now; `foreign`: the number belongs to others today; `stuck`: survived SIGKILL. */
export type EndResult = "gone" | "ended" | "foreign" | "stuck";

const POLL_FIRST_MS = 10;
const POLL_LAST_MS = 200;

/** Members that still run. Asks the kernel first, because listing /proc costs milliseconds. */
const living = (groupId: number): number[] => {
  try {
    process.kill(-groupId, 0);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return [];
  }
  return groupMembers(groupId)
    .filter((member) => !member.zombie)
    .map((member) => member.processId);
};

/**
 * Whose group is it? A number is not given out again while a group of that number has members, so one member that
 * is recognised speaks for all of them: the leader by its start time, or any member by the mark it inherited.
 * Elsewhere than on Linux, where no environment can be read, a group without its leader counts as foreign.
 */
export const recogniseGroup = (record: ProcessGroupRecord): "ours" | "foreign" | "gone" => {
  const { startTime, mark } = splitStartTime(record.processStartTime);
  if (!isOfThisBoot(startTime)) return "gone";
  const leader = processFacts(record.processGroupId);
  if (leader !== undefined && leader.startTime !== startTime) return "foreign";
  const members = living(record.processGroupId);
  if (members.length === 0) return "gone";
  if (leader !== undefined) return "ours";
  return mark !== undefined && members.some((member) => carriesMark(member, mark)) ? "ours" : "foreign";
};

/** Sends the signal to the whole group; false when there is no such group any more. */
export const signalGroup = (groupId: number, signal: NodeJS.Signals): boolean => {
  try {
    process.kill(-groupId, signal);
    return true;
  } catch {
    return false; // empty, or only processes of another user are left in it
  }
};

const waitUntilEmpty = async (groupId: number, timers: Timers, timeoutMs: number): Promise<boolean> => {
  const endMs = timers.nowMs() + timeoutMs;
  for (let pauseMs = POLL_FIRST_MS; ; pauseMs = Math.min(POLL_LAST_MS, pauseMs * 2)) {
    if (living(groupId).length === 0) return true;
    const leftMs = endMs - timers.nowMs();
    if (leftMs <= 0) return false;
    await delay(timers, Math.min(pauseMs, leftMs));
  }
};

/**
 * Ends the recorded group and resolves when none of its members runs. Calling it again, or for a group that ended
 * by itself, is harmless. `assumeOurs` leaves out the recognition: only for a leader that is our own uncollected child.
 */
export const endProcessGroup = async (
  record: ProcessGroupRecord,
  options: { timers: Timers; limits?: Partial<EndLimits>; assumeOurs?: boolean },
): Promise<EndResult> => {
  const limits = { ...END_LIMITS, ...options.limits };
  const groupId = record.processGroupId;
  if (!Number.isSafeInteger(groupId) || groupId <= 1) return "foreign";
  if (options.assumeOurs !== true) {
    const whose = recogniseGroup(record);
    if (whose !== "ours") return whose;
  } else if (living(groupId).length === 0) {
    return "gone";
  }
  signalGroup(groupId, "SIGTERM");
  if (await waitUntilEmpty(groupId, options.timers, limits.terminateWaitMs)) return "ended";
  signalGroup(groupId, "SIGKILL");
  return (await waitUntilEmpty(groupId, options.timers, limits.killWaitMs)) ? "ended" : "stuck";
};

export interface LeftoverResult {
  readonly record: ProcessGroupRecord;
  readonly result: EndResult;
}

/**
 * Ends what a killed daemon left behind, all groups at once. Idempotent: what is gone or foreign is left alone,
 * so the same records may be passed at every start.
 */
export const endLeftovers = (
  records: readonly ProcessGroupRecord[],
  options: { timers: Timers; limits?: Partial<EndLimits> },
): Promise<LeftoverResult[]> =>
  Promise.all(records.map(async (record) => ({ record, result: await endProcessGroup(record, options) })));
