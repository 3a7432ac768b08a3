// Which process is it, beyond its number: numbers are used again, so a recorded number alone must never be killed.
// A start time is an opaque text that two different processes never share: on Linux the boot and the start tick,
// elsewhere what `ps` says. The mark is a random text in the child's environment, inherited by what it starts.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Environment variable that carries a group's mark. */
export const MARK_VARIABLE = "MUSTER_PROCESS_MARK";

/** What is written down about a process group when it is started, and all that is needed to end it later. */
export interface ProcessGroupRecord {
  /** Number of the group, which is its leader's process id. */
  readonly processGroupId: number;
  /** Start time of the leader and the group's mark, opaque; compare, never parse elsewhere. */
  readonly processStartTime: string;
}

export interface ProcessFacts {
  readonly processId: number;
  readonly groupId: number;
  readonly startTime: string;
  /** Dead but not yet collected by its parent: it runs nothing and can't be ended. */
  readonly zombie: boolean;
}

const onLinux = process.platform === "linux";

let bootId: string | undefined;
const currentBoot = (): string => {
  bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return bootId;
};

const readFrom = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // gone meanwhile, or not ours to read
  }
};

const linuxFacts = (processId: number): ProcessFacts | undefined => {
  const stat = readFrom(`/proc/${processId}/stat`);
  if (stat === undefined) return undefined;
  // The command's name is in parentheses and may itself hold spaces and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, , groupId] = fields;
  const startTick = fields[19]; // field 22 of proc(5), counted from the state as field 3
  if (state === undefined || groupId === undefined || startTick === undefined) return undefined;
  return {
    processId,
    groupId: Number(groupId),
    startTime: `linux/${currentBoot()}/${startTick}`,
    zombie: state === "Z" || state === "X",
  };
};

const psFacts = (selector: readonly string[]): ProcessFacts[] => {
  let text: string;
  try {
    text = execFileSync("ps", [...selector, "-o", "pid=,pgid=,stat=,lstart="], {
      encoding: "utf8",
      env: { PATH: "/bin:/usr/bin", LC_ALL: "C" },
    });
  } catch {
    return []; // ps answers 1 when nothing matches
  }
  return text.split("\n").flatMap((line) => {
    const [processId, groupId, state, ...start] = line.trim().split(/\s+/);
    if (processId === undefined || groupId === undefined || state === undefined) return [];
    return [
      {
        processId: Number(processId),
        groupId: Number(groupId),
        startTime: `ps/${start.join(" ")}`,
        zombie: state.startsWith("Z"),
      },
    ];
  });
};

/** The process of that number as it is now; `undefined` when there is none. */
export const processFacts = (processId: number): ProcessFacts | undefined =>
  onLinux ? linuxFacts(processId) : psFacts(["-p", String(processId)])[0];

/** All processes of the group, zombies included. */
export const groupMembers = (groupId: number): ProcessFacts[] => {
  if (!onLinux) return psFacts(["-A"]).filter((facts) => facts.groupId === groupId);
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const facts = linuxFacts(Number(name));
    return facts?.groupId === groupId ? [facts] : [];
  });
};

/** True when the process was started with this mark in its environment; false where that can't be read. */
export const carriesMark = (processId: number, mark: string): boolean =>
  onLinux && (readFrom(`/proc/${processId}/environ`)?.split("\0").includes(`${MARK_VARIABLE}=${mark}`) ?? false);

export const joinStartTime = (startTime: string, mark: string): string => `${startTime}#${mark}`;

export const splitStartTime = (recorded: string): { startTime: string; mark: string | undefined } => {
  const at = recorded.lastIndexOf("#");
  return at < 0
    ? { startTime: recorded, mark: undefined }
    : { startTime: recorded.slice(0, at), mark: recorded.slice(at + 1) };
};

export const isOfThisBoot = (startTime: string): boolean =>
  !startTime.startsWith("linux/") || startTime.startsWith(`linux/${currentBoot()}/`);
