// One at a time across processes: a directory that appears with its owner's name already in it (a rename is
// atomic), so that a second bootstrap waits instead of installing into the same place. A dead owner is succeeded
// by linking a file named after it: only one can, and the chain of such files always says who owns the mutex.
import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** @typedef {{ pid: number, id: string, born: string }} Owner */

const pollMs = 100;

/**
 * Runs `work` while holding the mutex at `directory`; waits as long as a living process holds it, and tells so once.
 * @template T
 * @param {string} directory @param {() => Promise<T>} work @param {(pid: number) => void} onWait
 * @returns {Promise<T>}
 */
export async function withMutex(directory, work, onWait) {
  await acquire(directory, onWait);
  const release = () => {
    const retired = `${directory}.${randomUUID()}`;
    try {
      renameSync(directory, retired);
      rmSync(retired, { recursive: true, force: true });
    } catch {
      // Someone removed it by hand; then there is nothing to release.
    }
  };
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}

/** @param {string} directory @param {(pid: number) => void} onWait */
async function acquire(directory, onWait) {
  const me = { pid: process.pid, id: randomUUID(), born: birthOf(process.pid) };
  const draft = `${directory}.${me.id}`;
  let told = false;
  mkdirSync(draft);
  writeFileSync(join(draft, "first"), JSON.stringify(me));
  try {
    for (;;) {
      if (attempt(() => renameSync(draft, directory))) return;
      const owner = ownerOf(directory);
      if (owner && !isAlive(owner)) {
        attempt(() => linkSync(join(draft, "first"), join(directory, `after-${owner.id}`)));
        if (ownerOf(directory)?.id === me.id) return;
        continue;
      }
      if (owner && !told) onWait(owner.pid);
      told ||= owner !== undefined;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * True when the action went through, false when someone else was there first.
 * @param {() => void} action
 */
function attempt(action) {
  try {
    action();
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOENT" || code === "EPERM") return false;
    throw error;
  }
}

/**
 * The last in the chain of owners, or undefined when the mutex is free by now.
 * @param {string} directory @returns {Owner | undefined}
 */
function ownerOf(directory) {
  /** @type {Owner | undefined} */
  let owner;
  for (;;) {
    try {
      owner = JSON.parse(readFileSync(join(directory, owner ? `after-${owner.id}` : "first"), "utf8"));
    } catch {
      return owner;
    }
  }
}

/** @param {Owner} owner */
function isAlive(owner) {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  return owner.born === birthOf(owner.pid);
}

/**
 * When the process started, in clock ticks since boot: tells a process from a later one with the same number.
 * Empty where /proc does not exist.
 * @param {number} pid
 */
function birthOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
