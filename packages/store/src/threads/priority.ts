// A thread that gives way: where the processors are fewer than those who want one, the event loop and the writer go first.
import { readlinkSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";

/** Above that of the process: the thread gets about a quarter of a processor that another thread wants too. */
export const GIVING_WAY_NICENESS = 5;

/**
 * Lowers the calling thread's priority. Linux keeps one per thread (setpriority(2), "C library/kernel differences");
 * elsewhere there is no such thread id to find. Where it cannot be done nothing happens: the thread works all the same.
 */
export function giveWay(): void {
  try {
    // "<process>/task/<thread>", as the calling thread sees it.
    const thread = readlinkSync("/proc/thread-self");
    const lowered = Math.min(getPriority() + GIVING_WAY_NICENESS, constants.priority.PRIORITY_LOW);
    setPriority(Number(thread.slice(thread.lastIndexOf("/") + 1)), lowered);
  } catch {
    // No such file, or a sandbox that refuses the call.
  }
}
