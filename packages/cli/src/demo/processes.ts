// The machine's processes, as the system itself lists them: to find an agent's process and to see that none is left.
// Linux is read from /proc, which needs no tool; elsewhere `ps` is asked.
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";

export interface ListedProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
  /** Tells apart two processes that had the same pid one after the other. */
  readonly startedAt: string;
}

const run = promisify(execFile);

export function listProcesses(): Promise<ListedProcess[]> {
  return existsSync("/proc/self/stat") ? Promise.resolve(fromProc()) : fromPs();
}

function fromProc(): ListedProcess[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      // The program's name may hold spaces and parentheses; what follows its last one is numbers.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z") return [];
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return [{ pid: Number(name), parentPid: Number(fields[1]), command, startedAt: fields[19] ?? "" }];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
}

async function fromPs(): Promise<ListedProcess[]> {
  const { stdout } = await run("ps", ["-axww", "-o", "pid=,ppid=,stat=,lstart=,command="]);
  return stdout.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)$/.exec(line);
    if (match === null || match[3]?.startsWith("Z")) return [];
    return [{ pid: Number(match[1]), parentPid: Number(match[2]), startedAt: match[4] ?? "", command: match[5] ?? "" }];
  });
}

/** All below the process, children's children included. */
export function descendants(all: readonly ListedProcess[], ancestor: number): ListedProcess[] {
  const children = all.filter(({ parentPid }) => parentPid === ancestor);
  return children.flatMap((child) => [child, ...descendants(all, child.pid)]);
}

/** Those of the given processes that are still there. */
export const survivors = (now: readonly ListedProcess[], before: Iterable<ListedProcess>): ListedProcess[] =>
  [...before].filter((old) => now.some(({ pid, startedAt }) => pid === old.pid && startedAt === old.startedAt));
