// What a commit answers when the server, the network or a lock fails it, and what is then true in the database.
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Fixture, fixtureOf } from "../conformance/subject.ts";
import { type OpenedSchema, openFreshPostgres, runOn } from "../testing/index.ts";
import { holdOpen, until } from "../testing/obstacles.ts";
import { openCuttingProxy, openSwallowingProxy } from "../testing/proxy.ts";
import { lockKey } from "./lock.ts";
import { openPostgresStore } from "./store.ts";

let opened: OpenedSchema;
let fixture: Fixture;
beforeEach(async () => {
  opened = await openFreshPostgres();
  fixture = await fixtureOf(opened);
});
afterEach(() => opened.dispose());

const bump = { sql: "UPDATE counters SET total = total + 1", parameters: [] };
const batch = (name: string) => ({ guards: [], statements: [...fixture.insert({ sequence: 1, name }), bump] });

/** Process id of the server's side of a connection that waits for a lock of this kind. */
const waitingAt = async (event: string): Promise<number> => {
  const sql = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = '${event}' AND pid <> pg_backend_pid()
    AND pid IN (SELECT pid FROM pg_locks WHERE relation IN (SELECT oid FROM pg_class WHERE relnamespace = '${opened.options.schema}'::regnamespace))`;
  const rows = await until(
    () => runOn(opened.options, sql),
    (found) => found.length === 1,
  );
  return Number(rows[0]?.["pid"]);
};

const terminate = (pid: number) => runOn(opened.options, `SELECT pg_terminate_backend(${pid})`);

test("a connection ended while a statement runs is unavailable, nothing is written, and the next commit is fine", async () => {
  const obstacle = await holdOpen(opened.options, `UPDATE ${opened.options.schema}.counters SET total = total`);
  const failing = fixture.store.commit(batch("a"));
  failing.catch(() => undefined);
  await terminate(await waitingAt("transactionid"));
  await expect(failing).rejects.toMatchObject({ name: "StoreError", code: "unavailable" });
  await obstacle.release();
  expect(await fixture.names()).toEqual([]);
  expect(await fixture.store.commit(batch("b"))).toMatchObject({ status: "committed", changes: [1, 1] });
});

test("a connection ended inside COMMIT is outcome_unknown", async () => {
  const { schema } = opened.options;
  await runOn(
    opened.options,
    `CREATE FUNCTION ${schema}.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN LOCK TABLE ${schema}.counters; RETURN NULL; END'`,
    `CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON ${schema}.entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${schema}.wait()`,
  );
  const obstacle = await holdOpen(opened.options, `LOCK TABLE ${schema}.counters IN ROW EXCLUSIVE MODE`);
  const failing = fixture.store.commit({ guards: [], statements: fixture.insert({ sequence: 1, name: "a" }) });
  failing.catch(() => undefined);
  await terminate(await waitingAt("relation"));
  await expect(failing).rejects.toMatchObject({ name: "StoreError", code: "outcome_unknown" });
  await obstacle.release();
  expect(await fixture.names()).toEqual([]);
});

test.each([
  ["before COMMIT reaches the server", "request", []],
  ["before COMMIT's answer reaches the client", "answer", ["a"]],
] as const)("a network that breaks %s is outcome_unknown, whatever came of it", async (_, side, names) => {
  const proxy = await openCuttingProxy(opened.options, side, "COMMIT\0");
  const store = await openPostgresStore({ ...opened.options, ...proxy.address });
  try {
    await expect(store.commit(batch("a"))).rejects.toMatchObject({ name: "StoreError", code: "outcome_unknown" });
    expect(await fixture.names()).toEqual(names);
  } finally {
    await store.close();
    await proxy.close();
  }
});

test("a network that breaks before anything was decided is unavailable", async () => {
  const proxy = await openCuttingProxy(opened.options, "request", "pg_advisory_xact_lock");
  const store = await openPostgresStore({ ...opened.options, ...proxy.address });
  try {
    const guarded = {
      ...batch("a"),
      guards: [{ query: { sql: "SELECT 1 AS one", parameters: [] }, expected: [{ one: 1 }] }],
    };
    await expect(store.commit(guarded)).rejects.toMatchObject({ name: "StoreError", code: "unavailable" });
    expect(await fixture.names()).toEqual([]);
  } finally {
    await store.close();
    await proxy.close();
  }
});

test("ORC-5 the append lock is waited for 5 seconds, then the commit is unavailable", async () => {
  const obstacle = await holdOpen(
    opened.options,
    `SELECT pg_advisory_xact_lock(${lockKey("append", opened.options.schema)})`,
  );
  const started = performance.now();
  await expect(fixture.store.commit(batch("a"))).rejects.toMatchObject({ name: "StoreError", code: "unavailable" });
  expect(performance.now() - started).toBeGreaterThan(4_500);
  await obstacle.release();
  expect(await fixture.store.commit(batch("a"))).toMatchObject({ status: "committed" });
});

test("ORC-5 every connection that writes has the lock timeout and the limit for idle transactions", async () => {
  const settings = [
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "synchronous_commit",
    "transaction_isolation",
  ];
  const statements = settings.map((name) => ({
    sql: `SELECT current_setting('${name}') AS value`,
    parameters: [],
    returning: true,
  }));
  const result = await fixture.store.commit({ guards: [], statements });
  expect(result.status === "committed" && result.rows.map((rows) => rows[0]?.["value"])).toEqual([
    "5s",
    "10s",
    "on",
    "read committed",
  ]);
});

test("a deadlock with somebody outside is unavailable", async () => {
  const { schema } = opened.options;
  const obstacle = await holdOpen(opened.options, `LOCK TABLE ${schema}.counters`);
  const failing = fixture.store.commit(batch("a"));
  failing.catch(() => undefined);
  await waitingAt("relation");
  // Whoever notices first is the victim.
  const other = obstacle.run(`LOCK TABLE ${schema}.entries`).then(
    () => "granted",
    () => "refused",
  );
  const outcome = await failing.then(
    () => "committed",
    (error: { code?: string }) => error.code,
  );
  expect([await other, outcome]).toEqual(
    outcome === "unavailable" ? ["granted", "unavailable"] : ["refused", "committed"],
  );
  await obstacle.release();
});

test("connections that the server ended while they were idle are replaced", async () => {
  const applicationName = opened.options.schema;
  const store = await openPostgresStore({ ...opened.options, applicationName });
  await store.commit(batch("a"));
  const own = `SELECT pid FROM pg_stat_activity WHERE application_name = '${applicationName}'`;
  expect(await runOn(opened.options, own)).toHaveLength(2);
  await runOn(opened.options, `SELECT pg_terminate_backend(pid) FROM (${own}) AS own`);
  await until(
    () => runOn(opened.options, own),
    (rows) => rows.length === 0,
  );
  expect(await store.read({ sql: "SELECT total FROM counters", parameters: [] })).toEqual([{ total: 1 }]);
  expect(await store.commit({ guards: [], statements: [bump] })).toMatchObject({ status: "committed" });
  await store.close();
});

test("a table altered by another process disturbs neither reads nor commits that were prepared before", async () => {
  const query = { sql: "SELECT * FROM counters WHERE name = $1", parameters: ["entries"] };
  const guarded = async () => ({ guards: [{ query, expected: await fixture.store.read(query) }], statements: [bump] });
  await fixture.store.commit(await guarded());
  await runOn(opened.options, `ALTER TABLE ${opened.options.schema}.counters ADD COLUMN label TEXT`);
  expect(await fixture.store.read(query)).toEqual([{ name: "entries", total: 1, label: null }]);
  expect(await fixture.store.commit(await guarded())).toMatchObject({ status: "committed" });
});

test("a server that is not there, and a database that is not, are unavailable", async () => {
  const unavailable = { name: "StoreError", code: "unavailable" };
  await expect(openPostgresStore({ ...opened.options, host: "/nowhere" })).rejects.toMatchObject(unavailable);
  await expect(openPostgresStore({ ...opened.options, database: "nobodys" })).rejects.toMatchObject(unavailable);
});

test("a server that falls silent while a connection is made ready, or begins to listen, is unavailable", async () => {
  const attempts = ["search_path", "LISTEN"].map(async (bytes) => {
    const proxy = await openSwallowingProxy(opened.options, bytes);
    const opening = openPostgresStore({ ...opened.options, ...proxy.address });
    const hearing = opening.then(async (store) => {
      await store.listen?.({ onNumbers: () => undefined }).finally(() => store.close());
    });
    await expect(hearing).rejects.toMatchObject({ name: "StoreError", code: "unavailable" });
    await proxy.close();
  });
  await Promise.all(attempts);
});
