// Processes of the tests: what belongs to a temporary folder is found by that folder's name in its command line, its
// environment or its working folder, so that no test ends or counts what is not its own.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface OwnProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
}

const readOr = (work: () => string): string => {
  try {
    return work();
  } catch {
    // It ended, or is not ours.
    return "";
  }
};

/** All processes that have to do with the folder; needs /proc. */
export function processesOf(folder: string): OwnProcess[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    const stat = readOr(() => readFileSync(`/proc/${name}/stat`, "utf8"));
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat === "" || fields[0] === "Z") return [];
    const command = readOr(() => readFileSync(`/proc/${name}/cmdline`, "utf8"))
      .replaceAll("\0", " ")
      .trim();
    const environment = readOr(() => readFileSync(`/proc/${name}/environ`, "utf8"));
    const workingFolder = readOr(() => readlinkSync(`/proc/${name}/cwd`));
    if (![command, environment, workingFolder].some((text) => text.includes(folder))) return [];
    return [{ pid: Number(name), parentPid: Number(fields[1]), command }];
  });
}

export function isAlive(pid: number): boolean {
  return readOr(() => readFileSync(`/proc/${pid}/stat`, "utf8"))
    .replace(/^.*\) /s, "")
    .startsWith("Z")
    ? false
    : readOr(() => readFileSync(`/proc/${pid}/stat`, "utf8")) !== "";
}
