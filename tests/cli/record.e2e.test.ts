// Exporting the record and rebuilding projections through a real hub, as a person and as a script do it.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Rebuild, ThreadId, WireEvent } from "@muster/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findFault } from "../../packages/cli/src/export/record.ts";
import { makeThread, Place, settledTurn, startTurn, type Up } from "./muster.ts";

let place: Place;
let up: Up;
let threadId: ThreadId;
let other: ThreadId;

beforeAll(async () => {
  place = new Place();
  up = await place.up();
  threadId = await makeThread(up.client, place.repository("shop"));
  other = await makeThread(up.client, place.repository("other"));
  for (const thread of [threadId, other])
    await settledTurn(up.client, thread, await startTurn(up.client, thread, "say hello"));
});
afterAll(() => place.clear());

const linesOf = (text: string): string[] => text.split("\n").slice(0, -1);
const parsed = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
const eventsOf = (lines: readonly string[]): WireEvent[] =>
  parsed(lines.slice(1, -1)).map(({ event }) => event as WireEvent);

describe("export", () => {
  test("writes everything the caller may see to standard output, in order, with a header and a trailer", async () => {
    const { generation, headSequence } = await up.client.api.health();
    const { exitCode, stdout, stderr } = await place.spawn(["export"]).finished;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const lines = linesOf(stdout);
    expect(await findFault(lines)).toBeNull();
    expect(parsed(lines)[0]).toMatchObject({ type: "header", generation, schemaVersion: "1.0", scope: {} });
    expect(Number(parsed(lines)[0]?.["headSequence"])).toBeGreaterThanOrEqual(headSequence);
    const { events } = await up.client.api.orchestration.eventsPage({ after: 0, limit: 500 });
    expect(eventsOf(lines).slice(0, events.length)).toEqual(events);
    expect(new Set(events.map(({ streamId }) => streamId)).size).toBe(4);
  });

  test("writes a thread or a project alone", async () => {
    const thread = linesOf((await place.muster(["export", "--thread", threadId])).stdout);
    expect(await findFault(thread)).toBeNull();
    expect(new Set(eventsOf(thread).map(({ streamId }) => streamId))).toEqual(new Set([threadId]));
    expect(eventsOf(thread).map(({ streamVersion }) => streamVersion)).toEqual(
      eventsOf(thread).map((_one, at) => at + 1),
    );
    const { projects } = await up.client.api.orchestration.getSnapshot({});
    const [project] = projects;
    const whole = linesOf((await place.muster(["export", "--project", String(project?.projectId)])).stdout);
    expect(await findFault(whole)).toBeNull();
    const streams = new Set(eventsOf(whole).map(({ streamId }) => streamId));
    expect(streams.size).toBe(2);
    expect(streams.has(String(project?.projectId))).toBe(true);
    expect(streams.has(threadId) !== streams.has(other)).toBe(true);
  });

  test("writes a file whole, for the owner alone, and replaces one only when it is told to", async () => {
    const file = join(place.root, "record.jsonl");
    const text = await place.muster(["export", "--out", file]);
    expect(text.stderr).toBe("");
    expect(text.stdout).toMatch(/^Exported \d+ events to /);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await findFault(linesOf(readFileSync(file, "utf8")))).toBeNull();
    writeFileSync(file, "mine");
    const refused = await place.muster(["export", "--out", file]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("give --force");
    expect(readFileSync(file, "utf8")).toBe("mine");
    const answer = await place.json<{ path: string; events: number }>("export", "--out", file, "--force");
    expect(answer).toMatchObject({ path: file });
    expect(linesOf(readFileSync(file, "utf8"))).toHaveLength(answer.events + 2);
    expect(readdirSync(place.root).filter((name) => name.includes(".part"))).toEqual([]);
  });

  test("leaves nothing behind when it cannot go on", async () => {
    const file = join(place.root, "never.jsonl");
    const { exitCode } = await place.muster(["export", "--out", file, "--token", "wrong"]);
    expect(exitCode).toBe(5);
    expect(existsSync(file)).toBe(false);
    const missing = await place.muster(["export", "--out", join(place.root, "no/such/folder.jsonl")]);
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toContain("ENOENT");
    expect(readdirSync(place.root).filter((name) => name.includes(".part"))).toEqual([]);
  });

  test("writes a thread as Markdown to read", async () => {
    const { exitCode, stdout } = await place.muster(["export", "--thread", threadId, "--format", "markdown"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^# Test\n/);
    expect(stdout).toContain("## Turn 1\n\n**Person**\n\n> say hello\n\n**Agent**\n\n");
    expect(stdout).toMatch(/\*completed, asked .*, ended .*\*\n$/);
    expect((await place.muster(["export", "--format", "markdown"])).exitCode).toBe(2);
  });
});

describe("projections", () => {
  test("are listed with how far they are", async () => {
    const { exitCode, stdout } = await place.muster(["projections", "list"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^PROJECTION +AT EVENT +BEHIND +MOVED\n/);
    expect(stdout).toMatch(/thread_messages +\d+ +0 /);
  });

  test("are rebuilt, all or one, while the hub serves (ORC-25)", async () => {
    const { exitCode, stdout } = await place.muster(["projections", "rebuild"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Rebuilt 8 projections from \d+ events in .*: every row was right already\.\n$/);
    const rebuild = await place.json<Rebuild>("projections", "rebuild", "threads");
    expect(rebuild).toMatchObject({ state: "finished", projectors: ["threads"], rows: { removed: 0, written: 0 } });
    expect((await place.muster(["projections", "list"])).stdout).toContain(`Rebuild ${rebuild.rebuildNumber} finished`);
    const wrong = await place.muster(["projections", "rebuild", "dreams"]);
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toContain("thread_messages");
  });
});
