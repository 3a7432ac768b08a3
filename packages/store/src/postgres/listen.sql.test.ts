// Hints between processes that share a schema, here two stores with connections of their own.
import { afterEach, beforeEach, expect, test } from "vitest";
import { numbered } from "../conformance/commit-cases.ts";
import { type Fixture, fixtureOf } from "../conformance/subject.ts";
import { type OpenedSchema, openFreshPostgres, runOn } from "../testing/index.ts";
import { openGate } from "../testing/proxy.ts";
import { openPostgresStore } from "./store.ts";

let opened: OpenedSchema;
let fixture: Fixture;
beforeEach(async () => {
  opened = await openFreshPostgres();
  fixture = await fixtureOf(opened);
});
afterEach(() => opened.dispose());

/** Resolves at the next call. */
const nextCall = () => {
  const waiting: (() => void)[] = [];
  return {
    call: () => {
      for (const resolve of waiting.splice(0)) resolve();
    },
    next: () => new Promise<void>((resolve) => waiting.push(resolve)),
  };
};

test("a commit that allocated numbers is heard of by other processes once it can be read", async () => {
  const other = await openPostgresStore(opened.options);
  const { call, next } = nextCall();
  const stop = await other.listen?.({ onNumbers: call });
  for (const name of ["a", "b"]) {
    const heard = next();
    await fixture.store.commit(numbered(fixture, name));
    await heard;
    const rows = await other.read({ sql: "SELECT name FROM entries WHERE name = $1", parameters: [name] });
    expect(rows).toEqual([{ name }]);
  }
  await stop?.();
  await other.close();
});

test("a listener that lost its connection listens again, and takes that as a hint", async () => {
  const applicationName = opened.options.schema;
  const other = await openPostgresStore({ ...opened.options, applicationName });
  const { call, next } = nextCall();
  await other.listen?.({ onNumbers: call });
  const again = next();
  const own = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${applicationName}' AND query LIKE 'LISTEN %'`;
  expect(await runOn(opened.options, own)).toHaveLength(1);
  await again;
  const heard = next();
  await fixture.store.commit(numbered(fixture, "a"));
  await heard;
  await other.close();
});

test("a listener whose network swallows everything leaves it for a new connection, and its end waits for nobody", async () => {
  const gate = await openGate(opened.options);
  const other = await openPostgresStore({ ...opened.options, ...gate.address, listenProbeMs: 50 });
  const { call, next } = nextCall();
  await other.listen?.({ onNumbers: call });
  const again = next();
  gate.silence();
  await again;
  const heard = next();
  await fixture.store.commit(numbered(fixture, "a"));
  await heard;
  gate.silence();
  await other.close();
  await gate.close();
});

test("a commit that allocates nothing wakes nobody, nor does one that was refused", async () => {
  const heard: string[] = [];
  await fixture.store.listen?.({ onNumbers: () => heard.push("hint") });
  const bump = { sql: "UPDATE counters SET total = total + 1", parameters: [] };
  await fixture.store.commit({ guards: [], statements: [bump] });
  await fixture.store.commit({
    ...numbered(fixture, "a"),
    guards: [{ query: { sql: "SELECT 1 AS one", parameters: [] }, expected: [] }],
  });
  const { call, next } = nextCall();
  await fixture.store.listen?.({ onNumbers: call });
  const last = next();
  await fixture.store.commit(numbered(fixture, "b"));
  await last;
  expect(heard.length).toBeLessThanOrEqual(1);
});

test("an announcement is heard by other processes once its commit can be read, and wakes nobody who waits for numbers", async () => {
  const other = await openPostgresStore(opened.options);
  const numbers: string[] = [];
  const heard: (string | null)[] = [];
  const { call, next } = nextCall();
  await other.listen?.({ onNumbers: () => numbers.push("hint") });
  await other.listen?.({
    onAnnouncement: (announcement) => {
      heard.push(announcement);
      call();
    },
  });
  const told = next();
  await fixture.store.commit({
    guards: [],
    statements: fixture.insert({ sequence: 1, name: "a" }),
    announcements: ["a is there"],
  });
  await told;
  expect(heard).toEqual(["a is there"]);
  expect(await other.read({ sql: "SELECT name FROM entries", parameters: [] })).toEqual([{ name: "a" }]);
  expect(numbers).toEqual([]);
  await other.close();
});

test("who listens to announcements is told, after a lost connection, that some may have been missed", async () => {
  const applicationName = opened.options.schema;
  const other = await openPostgresStore({ ...opened.options, applicationName });
  const heard: (string | null)[] = [];
  const { call, next } = nextCall();
  await other.listen?.({
    onAnnouncement: (announcement) => {
      heard.push(announcement);
      call();
    },
  });
  const again = next();
  const own = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${applicationName}' AND query LIKE 'LISTEN %'`;
  expect(await runOn(opened.options, own)).toHaveLength(1);
  await again;
  const told = next();
  await fixture.store.commit({ guards: [], statements: [], announcements: ["after"] });
  await told;
  expect(heard).toEqual([null, "after"]);
  await other.close();
});
