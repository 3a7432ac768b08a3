// Where the files of tests may lie in memory. Nothing that a test proves rests on the medium: a killed process leaves the
// same bytes in a file system in memory as in one on a disk, and only the loss of power, which no test causes, tells them apart.
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { availableMemory } from "node:process";

const FOLDER = "/dev/shm";
/** Several times what a whole run ever holds. */
const ROOM_MIN_BYTES = 2 * 1024 ** 3;

/** Whether the mounts, as /proc/mounts tells them, hold the folder in memory and let programs in it be run. */
export function isInMemory(folder: string, mounts: string): boolean {
  const own = mounts.split("\n").findLast((line) => line.split(" ")[1] === folder);
  const [, , type, options = ""] = own?.split(" ") ?? [];
  return type === "tmpfs" && !options.split(",").some((option) => option === "noexec" || option === "ro");
}

/** Undefined where there is none, or not enough of it. */
export function memoryFolder(): string | undefined {
  if (!existsSync("/proc/mounts") || !isInMemory(FOLDER, readFileSync("/proc/mounts", "utf8"))) return undefined;
  const { bavail, bsize } = statfsSync(FOLDER);
  return Math.min(bavail * bsize, availableMemory()) < ROOM_MIN_BYTES ? undefined : FOLDER;
}
