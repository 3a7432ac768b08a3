// A hub over a database file that is too large to be checked before it starts: it serves at once, says what the check
// comes to, and stops writing when the file turns out damaged.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createIds } from "@muster/core";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CHECKED_AT_START_MAX_BYTES, DatabaseCheck } from "./database-check.ts";
import { mustBeSound, openDatabase } from "./home.ts";
import { movableClock, random } from "./identity/testing/opened.ts";
import { type Hub, markHubRestored, startHub } from "./server.ts";

const clock = movableClock();

let home: string;
let hub: Hub | undefined;

/** Makes the home's database so large, of rows that nobody asks for. */
function pad(bytes: number): void {
  const database = new DatabaseSync(join(home, "hub.db"));
  database.exec(`CREATE TABLE padding (id INTEGER PRIMARY KEY, text TEXT) STRICT;
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${Math.ceil(bytes / 1_000)})
    INSERT INTO padding SELECT i, hex(zeroblob(500)) FROM n`);
  database.close();
}

/** Overwrites two pages of the padding. */
function damage(): void {
  const path = join(home, "hub.db");
  const file = openSync(path, "r+");
  writeSync(file, new Uint8Array(8_192).fill(0xff), 0, 8_192, Math.floor(statSync(path).size / 8_192) * 4_096);
  closeSync(file);
}

const start = async (): Promise<Hub> => {
  hub = await startHub({ home, host: "127.0.0.1", port: 0, version: "test", consoleDirectory: null });
  return hub;
};
const get = async (path: string): Promise<Response> => {
  const token = readFileSync(hub?.tokenFile ?? "", "utf8").trim();
  return fetch(`${hub?.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
};
const health = async (): Promise<{ status: string; database: string }> => {
  const response = await get("/api/v1/health");
  return (await response.json()) as { status: string; database: string };
};
/** Asks until the check is over. */
const checked = async (): Promise<{ status: string; database: string }> => {
  for (;;) {
    const answer = await health();
    if (answer.database !== "checking") return answer;
  }
};
const logged = (): string => readFileSync(join(home, "hub.log"), "utf8");

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "muster-hub-"));
  await (await start()).close();
});
afterEach(async () => {
  await hub?.close();
  rmSync(home, { recursive: true });
});

it("a small file is checked before the hub starts, and a damaged one starts nothing", async () => {
  pad(CHECKED_AT_START_MAX_BYTES / 4);
  await start();
  expect(await health()).toMatchObject({ status: "ok", database: "ok" });
  await hub?.close();
  damage();
  await expect(start()).rejects.toMatchObject({ code: "database_corrupt" });
});

it("a large file is checked while the hub serves, and passes", async () => {
  pad(CHECKED_AT_START_MAX_BYTES + 1_000_000);
  await start();
  expect(await checked()).toMatchObject({ status: "ok", database: "ok" });
  await hub?.close();
  expect(logged()).toContain("passed its integrity check");
});

it("the store of a large file keeps its capabilities: windows are prepared beside the event loop, as those of a small one", async () => {
  pad(CHECKED_AT_START_MAX_BYTES + 1_000_000);
  const database = await openDatabase(home, clock, createIds(clock, random));
  const { store } = new DatabaseCheck(database, pino({ level: "silent" }));
  expect(database.uncheckedFile).toBeDefined();
  expect(store).not.toBe(database.store);
  expect(Object.keys(store).sort()).toEqual(
    ["close", "commit", "dialect", "migrate", "openScratch", "prepare", "read", "readTransaction"].sort(),
  );
  expect(
    await store.prepare?.({ generation: "", spaceId: "no space", input: { threadId: "no thread", turnLimit: 1 } }),
  ).toBeNull();
  await store.close();
});

it("a large file that is damaged makes the hub fail aloud: health, readiness, log, and no write goes in any more", async () => {
  pad(CHECKED_AT_START_MAX_BYTES + 1_000_000);
  damage();
  await start();
  expect(await checked()).toMatchObject({ status: "failing", database: "damaged" });
  expect((await get("/readyz")).status).toBe(503);
  await expect(hub?.createLoginLink()).rejects.toMatchObject({ code: "corrupt" });
  expect((await get("/api/v1/orchestration/snapshot")).status).toBe(200);
  await hub?.close();
  const line = logged()
    .split("\n")
    .find((text) => text.includes("database is damaged"));
  expect(JSON.parse(line ?? "{}")).toMatchObject({ level: 60, err: { code: "database_corrupt" } });
});

it("a hub that closes does not wait for the check, and says nothing of its end", async () => {
  pad(CHECKED_AT_START_MAX_BYTES + 1_000_000);
  await start();
  await hub?.close();
  expect(logged()).toContain("is being checked");
  expect(logged()).not.toMatch(/passed|damaged|could not be checked/);
});

it("a large backup that is damaged is refused where it is marked as restored", async () => {
  pad(CHECKED_AT_START_MAX_BYTES + 1_000_000);
  damage();
  await expect(markHubRestored(home)).rejects.toMatchObject({ code: "database_corrupt" });
});

it("a backup that cannot be checked does not count as sound", async () => {
  const path = join(home, "no such file.db");
  await expect(mustBeSound({ uncheckedFile: path })).rejects.toMatchObject({
    code: "home_unwritable",
    message: expect.stringContaining("its check could not be made"),
  });
});
