// The check of a file in a process of its own: what it finds, beside a store that writes, and how it ends.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../testing/obstacles.ts";
import { checkSqliteFile, openSqliteStore } from "./index.ts";

let directory: string;
let path: string;
const ROW = { sql: "INSERT INTO notes (text) VALUES (?)", parameters: ["text ".repeat(200)] };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "muster-store-"));
  path = join(directory, "store.db");
  const store = await openSqliteStore({ path });
  const table = { sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT) STRICT", parameters: [] };
  await store.commit({ guards: [], statements: [table, ...Array.from({ length: 500 }, () => ROW)] });
  await store.close();
});
afterEach(() => rm(directory, { recursive: true }));

const isAlive = (pid: number | undefined): boolean => {
  try {
    return process.kill(pid ?? 0, 0);
  } catch {
    return false;
  }
};

test("a sound file is sound, while a store has it open and writes", async () => {
  const store = await openSqliteStore({ path, useThreads: true });
  const checking = checkSqliteFile(path);
  for (let row = 0; row < 20; row += 1) await store.commit({ guards: [], statements: [ROW] });
  expect(await checking.result).toEqual({ status: "sound" });
  await store.close();
});

test("a page that was overwritten is damage, with the path in what is said of it", async () => {
  const bytes = await readFile(path);
  const middle = Math.floor(bytes.length / 2);
  bytes.fill(0xff, middle, middle + 8_192);
  await writeFile(path, bytes);
  const result = await checkSqliteFile(path).result;
  expect(result).toEqual({ status: "damaged", finding: expect.stringContaining(path) });
});

test("a file that is no database is damage, and one that is not there says nothing", async () => {
  await writeFile(path, "these are notes, and long enough to be a header\n".repeat(100));
  expect(await checkSqliteFile(path).result).toMatchObject({ status: "damaged" });
  expect(await checkSqliteFile(join(directory, "missing.db")).result).toMatchObject({ status: "failed" });
});

test("it is stopped at once, leaves no process, and says that it was stopped", async () => {
  const checking = checkSqliteFile(path);
  await checking.stop();
  expect(await checking.result).toEqual({ status: "stopped" });
  expect(isAlive(checking.pid)).toBe(false);
  await checking.stop();
});

test("ended by somebody else, it says nothing about the file", async () => {
  const checking = checkSqliteFile(path);
  process.kill(checking.pid ?? 0, "SIGKILL");
  expect(await checking.result).toMatchObject({ status: "failed", reason: expect.stringContaining("SIGKILL") });
});

test("it ends with the process that started it, however that ends and wherever it is", async () => {
  // Nobody ever writes to it, so that whoever opens it waits for ever.
  const pipe = join(directory, "pipe.db");
  execFileSync("mkfifo", [pipe]);
  const script = `import { checkSqliteFile } from ${JSON.stringify(new URL("./file-check.ts", import.meta.url).href)};
    console.log(checkSqliteFile(process.argv[1]).pid);`;
  const starter = spawn(process.execPath, ["--input-type=module", "-e", script, pipe], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = await once(starter.stdout.setEncoding("utf8"), "data");
  const pid = Number(said);
  try {
    expect(isAlive(pid)).toBe(true);
    starter.kill("SIGKILL");
    await until(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return isAlive(pid);
      },
      (alive) => !alive,
    );
  } finally {
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
  }
});
