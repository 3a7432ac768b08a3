// What readers by sequence may rely on, with real processes that write at once.
import { expect, test } from "vitest";
import { start } from "../conformance/children.ts";
import { fixtureOf } from "../conformance/subject.ts";
import { openFreshPostgres } from "../testing/index.ts";
import { openPostgresStore } from "./store.ts";

const WRITERS = 8;
const COMMITS_EACH = 40;

test("ORC-5 a reader that follows the sequence sees every row of 8 writing processes, none behind one it has seen", async () => {
  const opened = await openFreshPostgres();
  await fixtureOf(opened);
  if (opened.opener === undefined) throw new Error("children cannot open the store");
  const { opener } = opened;
  const reader = await openPostgresStore(opened.options);
  const writers = Array.from({ length: WRITERS }, (_, index) =>
    start(opener, "write", `writer-${index}`, COMMITS_EACH),
  );
  let isWriting = true;
  const ended = Promise.all(writers.map((writer) => writer.ended)).finally(() => {
    isWriting = false;
  });
  const seen: number[] = [];
  let reads = 0;
  const follow = async (): Promise<void> => {
    const sql = "SELECT sequence FROM entries WHERE sequence > $1 ORDER BY sequence";
    seen.push(...(await reader.read({ sql, parameters: [seen.at(-1) ?? 0] })).map((row) => Number(row["sequence"])));
    reads += 1;
  };
  while (isWriting) await follow();
  await follow();
  expect(await ended).toEqual(writers.map(() => 0));
  expect(seen).toEqual(Array.from({ length: WRITERS * COMMITS_EACH }, (_, index) => index + 1));
  expect(reads).toBeGreaterThan(10);
  await reader.close();
  await opened.dispose();
});

test("ORC-5 a commit that waited for the lock decides on what was committed meanwhile, not on an older snapshot", async () => {
  const opened = await openFreshPostgres();
  const { store } = await fixtureOf(opened);
  const other = await openPostgresStore(opened.options);
  const query = { sql: "SELECT total FROM counters", parameters: [] };
  const raise = (from: number) => ({
    guards: [{ query, expected: [{ total: from }] }],
    statements: [{ sql: "UPDATE counters SET total = total + 1", parameters: [] }],
  });
  for (let total = 0; total < 20; total += 1) {
    const results = await Promise.all([store.commit(raise(total)), other.commit(raise(total))]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["committed", "conflict"]);
  }
  expect(await store.read(query)).toEqual([{ total: 20 }]);
  await other.close();
  await opened.dispose();
});
