import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import {
  delay,
  endLeftovers,
  endProcessGroup,
  type GroupChild,
  groupMembers,
  processFacts,
  recogniseGroup,
  SpawnError,
  startChild,
  systemTimers,
} from "./index.ts";

const children: GroupChild[] = [];
let atEnd = async (): Promise<unknown> => undefined;
afterEach(async () => {
  await atEnd();
  for (const child of children.splice(0)) await child.end({ terminateWaitMs: 0 });
});

const options = { timers: systemTimers, limits: { terminateWaitMs: 300, killWaitMs: 2_000 } };

/** Starts JavaScript as a group's leader and waits until it says that it is ready. */
const start = async (script: string, mark = randomUUID()): Promise<GroupChild> => {
  const child = await startChild({
    command: process.execPath,
    args: ["-e", script],
    cwd: tmpdir(),
    environment: { PATH: "/usr/bin:/bin" },
    mark,
    timers: systemTimers,
  });
  children.push(child);
  await once(child.output, "data");
  return child;
};
const READY = 'process.stdout.write("ready");';
const STAYS = `setInterval(() => {}, 1000); ${READY}`;
const STUBBORN = `process.on("SIGTERM", () => {}); ${STAYS}`;
/** A leader that starts a stubborn member and then does as told. */
const parentOf = (member: string, then: string): string =>
  `const member = require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(member)}], { stdio: ["ignore", "pipe", "ignore"] });
   member.stdout.once("data", () => { ${then} });`;

const recordOf = (child: GroupChild) => ({
  processGroupId: child.processGroupId,
  processStartTime: child.processStartTime,
});
const alive = (groupId: number): number[] =>
  groupMembers(groupId).flatMap((member) => (member.zombie ? [] : [member.processId]));

describe("a child", () => {
  it("ORC-33 leads a group of its own, recorded with its start time before anything else happens", async () => {
    const child = await start(STAYS);
    const facts = processFacts(child.processGroupId);
    expect(facts).toMatchObject({ processId: child.processGroupId, groupId: child.processGroupId, zombie: false });
    expect(child.processStartTime.startsWith(facts?.startTime ?? "?")).toBe(true);
    expect(child.processGroupId).not.toBe(processFacts(process.pid)?.groupId);
  });
  it("ORC-33 that dies at once still has its record and its exit", async () => {
    const child = await startChild({
      command: "/bin/sh",
      args: ["-c", "echo gone >&2; exit 5"],
      cwd: tmpdir(),
      environment: {},
      mark: "m",
      timers: systemTimers,
    });
    expect(await child.exited).toEqual({ code: 5, signal: null });
    expect(child.errorTail()).toBe("gone\n");
    expect(child.processStartTime).toMatch(/#m$/);
    expect(await child.end()).toBe("gone");
  });
  it("ORC-30 whose command does not exist is a SpawnError with the system's code", async () => {
    const missing = startChild({
      command: "muster-no-such",
      args: [],
      cwd: tmpdir(),
      environment: {},
      mark: "m",
      timers: systemTimers,
    });
    await expect(missing).rejects.toThrow(SpawnError);
    await expect(missing).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("the end of a group", () => {
  it("ORC-33 by SIGTERM is enough for one that listens", async () => {
    const child = await start(STAYS);
    expect(await endProcessGroup(recordOf(child), options)).toBe("ended");
    expect(await child.exited).toEqual({ code: null, signal: "SIGTERM" });
    expect(await endProcessGroup(recordOf(child), options)).toBe("gone");
  });
  it("ORC-33 by SIGKILL takes members that ignore SIGTERM, and resolves only when the group is empty", async () => {
    const child = await start(parentOf(STUBBORN, STAYS));
    expect(alive(child.processGroupId)).toHaveLength(2);
    expect(await child.end(options.limits)).toBe("ended");
    expect(alive(child.processGroupId)).toEqual([]);
  });
  it("ORC-33 finds members whose leader has died, by the mark they inherited", async () => {
    const child = await start(parentOf(STUBBORN, `${READY} process.exit(0);`));
    await child.exited;
    expect(alive(child.processGroupId)).toHaveLength(1);
    expect(recogniseGroup(recordOf(child))).toBe("ours");
    expect(await endProcessGroup(recordOf(child), options)).toBe("ended");
    expect(alive(child.processGroupId)).toEqual([]);
  });
});

describe("a number that was used again", () => {
  it("ORC-33 is never signalled: its leader has another start time", async () => {
    const child = await start(STAYS);
    const facts = processFacts(child.processGroupId);
    const recycled = { processGroupId: child.processGroupId, processStartTime: `${facts?.startTime ?? ""}0#old` };
    expect(await endProcessGroup(recycled, options)).toBe("foreign");
    expect(child.hasExited()).toBe(false);
  });
  it("ORC-33 is never signalled when its leader is dead and no member carries our mark", async () => {
    const child = await start(parentOf(STUBBORN, `${READY} process.exit(0);`));
    await child.exited;
    const { startTime } = { startTime: child.processStartTime.replace(/#.*/, "") };
    expect(
      await endProcessGroup(
        { processGroupId: child.processGroupId, processStartTime: `${startTime}#another` },
        options,
      ),
    ).toBe("foreign");
    expect(alive(child.processGroupId)).toHaveLength(1);
  });
  it("ORC-33 from before a reboot means that all is gone", async () => {
    const child = await start(STAYS);
    const other = child.processStartTime.replace(/linux\/[^/]+/, "linux/00000000-0000-0000-0000-000000000000");
    expect(await endProcessGroup({ processGroupId: child.processGroupId, processStartTime: other }, options)).toBe(
      "gone",
    );
    expect(child.hasExited()).toBe(false);
  });
  it("ORC-33 that could never be a group of ours is refused", async () => {
    for (const processGroupId of [0, 1, -1, Number.NaN]) {
      expect(await endProcessGroup({ processGroupId, processStartTime: "linux/x/1#m" }, options)).toBe("foreign");
    }
  });
});

describe("what a killed daemon left behind", () => {
  it("ORC-33 is ended from its records, all groups at once; the same records again do nothing", async () => {
    // A daemon of a few lines: starts two agents, one of which dies and leaves a member, and is killed itself.
    const daemon = `
      import { startChild, systemTimers } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
      import { once } from "node:events";
      const start = async (script) => {
        const child = await startChild({ command: process.execPath, args: ["-e", script], cwd: "/", environment: {}, mark: "left" + Math.random(), timers: systemTimers });
        await once(child.output, "data");
        return { processGroupId: child.processGroupId, processStartTime: child.processStartTime };
      };
      const records = [await start(${JSON.stringify(STUBBORN)}), await start(${JSON.stringify(parentOf(STUBBORN, `${READY} process.exit(0);`))})];
      process.stdout.write(JSON.stringify(records));
      setInterval(() => {}, 1000);`;
    const killed = await startChild({
      command: process.execPath,
      args: ["--input-type=module", "-e", daemon],
      cwd: tmpdir(),
      environment: {},
      mark: "daemon",
      timers: systemTimers,
    });
    children.push(killed);
    const [output] = (await once(killed.output, "data")) as [Buffer];
    const records = JSON.parse(output.toString()) as { processGroupId: number; processStartTime: string }[];
    process.kill(killed.processGroupId, "SIGKILL");
    await killed.exited;
    const left = (): number[] => records.map((record) => alive(record.processGroupId).length);
    atEnd = () => endLeftovers(records, options);
    while (left().join() !== "1,1") await delay(systemTimers, 5);
    expect((await endLeftovers(records, options)).map((leftover) => leftover.result)).toEqual(["ended", "ended"]);
    expect(records.flatMap((record) => alive(record.processGroupId))).toEqual([]);
    expect((await endLeftovers(records, options)).map((leftover) => leftover.result)).toEqual(["gone", "gone"]);
  });
});
