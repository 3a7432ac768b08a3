// The private server of tests leaves nothing behind, however its owner ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { until } from "./obstacles.ts";

const owner = `const { startPostgres } = await import(${JSON.stringify(new URL("./server.ts", import.meta.url).href)});
  const { address } = await startPostgres();
  console.log(JSON.stringify(address));
  setInterval(() => undefined, 1000);`;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test.each(["SIGKILL", "SIGINT"] as const)(
  "a server whose owner ends by %s is stopped, and its directory is gone",
  async (signal) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", owner], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const { host } = JSON.parse(line) as { host: string };
    const pid = Number(readFileSync(join(host, "data", "postmaster.pid"), "utf8").split("\n")[0]);
    expect(isAlive(pid)).toBe(true);
    child.kill(signal);
    await until(
      () => new Promise<boolean>((resolve) => setImmediate(() => resolve(!isAlive(pid) && !existsSync(host)))),
      (isGone) => isGone,
    );
  },
);
