import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHUNKED_MAX_CHARACTERS } from "@muster/contracts";
import { type Store, StoreError } from "@muster/store";
import { afterEach, describe, expect, it } from "vitest";
import { manualTimers } from "../runner/testing/timers.ts";
import { Journal } from "./journal.ts";
import { activity, closeAll, openJournal, openStore, START_MS, testIds } from "./testing/opened.ts";

afterEach(closeAll);

const ALL = { maxEntries: 1_000, maxBytes: 1_000_000 };
const summaries = async (journal: Journal, after = 0): Promise<string[]> =>
  (await journal.read(after, ALL)).map(({ command }) => ("summary" in command ? command.summary : command.type));

/** The store, with its commits counted and some of them failing. */
const watched = (store: Store, fails: (call: number) => StoreError | undefined = () => undefined) => {
  const commits: number[] = [];
  const watching: Store = {
    dialect: store.dialect,
    read: (query) => store.read(query),
    readTransaction: (queries) => store.readTransaction(queries),
    migrate: (set, stamp) => store.migrate(set, stamp),
    close: () => store.close(),
    commit: async (batch) => {
      commits.push(batch.statements.length);
      const error = fails(commits.length);
      if (error !== undefined) throw error;
      return store.commit(batch);
    },
  };
  return { watching, commits };
};

describe("DMN-12 the ingest journal", () => {
  it("numbers entries from 1 without gaps, in the order they were given, and keeps what they were", async () => {
    const { journal } = await openJournal();
    await journal.append([activity("a"), activity("b")]);
    await journal.append([activity("c")]);
    const entries = await journal.read(0, ALL);
    expect(entries.map((entry) => entry.sequence)).toEqual([1, 2, 3]);
    expect(entries[2]).toMatchObject({
      command: { type: "thread.activity.append", summary: "c", turnId: "turn" },
      correlationId: "command",
      createdAt: "2026-11-20T12:00:00.000Z",
    });
    expect(await summaries(journal, 2)).toEqual(["c"]);
  });

  it("holds no entry that a frame could not carry: what follows it would wait for ever", async () => {
    const { journal } = await openJournal();
    await journal.append([
      activity("large", { payload: { text: "x".repeat(CHUNKED_MAX_CHARACTERS) } }),
      activity("next"),
    ]);
    const entries = await journal.read(0, ALL);
    expect(entries[0]?.command).toMatchObject({ summary: "large", payload: { dropped: "too_large" } });
    expect(await summaries(journal, 1)).toEqual(["next"]);
  });

  it("commits all appends of one tick in one transaction, and answers only after it", async () => {
    const { watching, commits } = watched(await openStore());
    const { journal } = await openJournal({ store: watching });
    const before = commits.length;
    let answered = 0;
    const appends = Array.from({ length: 100 }, async (_, index) => {
      await journal.append([activity(`${index}`)]);
      answered += 1;
    });
    expect([journal.lastSequence, answered]).toEqual([0, 0]);
    await Promise.all(appends);
    expect(commits.length - before).toBe(1);
    expect(await summaries(journal)).toEqual(Array.from({ length: 100 }, (_, index) => `${index}`));
  });

  it("reads pages that are cut before the byte limit, and one entry that is larger alone", async () => {
    const { journal } = await openJournal();
    await journal.append([activity("x".repeat(500)), activity("y".repeat(500)), activity("z")]);
    expect(await journal.read(0, { maxEntries: 10, maxBytes: 900 })).toHaveLength(1);
    expect(await journal.read(1, { maxEntries: 10, maxBytes: 100 })).toHaveLength(1);
    expect(await journal.read(0, { maxEntries: 2, maxBytes: 1_000_000 })).toHaveLength(2);
    expect(await journal.read(3, ALL)).toEqual([]);
  });

  it("keeps its id, its numbers and what was acknowledged over a restart, also when every row is pruned", async () => {
    const folder = mkdtempSync(join(tmpdir(), "muster-journal-"));
    try {
      const path = join(folder, "outbox.db");
      const first = await openJournal({ store: await openStore(path) });
      await first.journal.append([activity("a"), activity("b")]);
      first.journal.acknowledge(1);
      const { journalId } = first.journal;
      await closeAll();
      const second = await openJournal({ store: await openStore(path) });
      expect(second.journal).toMatchObject({ journalId, lastSequence: 2, acknowledgedSequence: 1 });
      second.journal.acknowledge(2);
      await second.journal.append([]);
      second.timers.advance(25 * 60 * 60 * 1_000);
      expect(await second.journal.prune()).toBe(false);
      expect(await summaries(second.journal)).toEqual([]);
      await closeAll();
      const third = await openJournal({ store: await openStore(path) });
      expect(third.journal).toMatchObject({ journalId, lastSequence: 2, acknowledgedSequence: 2 });
      await third.journal.append([activity("c")]);
      expect((await third.journal.read(2, ALL)).map((entry) => entry.sequence)).toEqual([3]);
    } finally {
      await closeAll();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("keeps acknowledged rows for a day and unacknowledged ones for ever", async () => {
    const { journal, timers } = await openJournal();
    await journal.append([activity("a"), activity("b"), activity("c")]);
    journal.acknowledge(2);
    timers.advance(1_000);
    await journal.append([]);
    timers.advance(23 * 60 * 60 * 1_000);
    await journal.prune();
    expect(await summaries(journal)).toEqual(["a", "b", "c"]);
    timers.advance(2 * 60 * 60 * 1_000);
    await journal.prune();
    expect(await summaries(journal)).toEqual(["c"]);
    timers.advance(1_000 * 60 * 60 * 1_000);
    await journal.prune();
    expect(await summaries(journal)).toEqual(["c"]);
  });

  it("prunes in small batches", async () => {
    const { journal, timers } = await openJournal({ limits: { pruneBatchRows: 10 } });
    await journal.append(Array.from({ length: 25 }, (_, index) => activity(`${index}`)));
    journal.acknowledge(25);
    await journal.append([]);
    timers.advance(25 * 60 * 60 * 1_000);
    expect([await journal.prune(), await journal.prune(), await journal.prune()]).toEqual([true, true, false]);
    expect(await summaries(journal)).toEqual([]);
  });

  it("beyond its limit drops what activities carry first, then diffs, counts it, and keeps questions, texts and endings", async () => {
    const { journal } = await openJournal({ limits: { maxBytes: 10_000 } });
    const large = { payload: { output: "x".repeat(11_000) } };
    const place = { threadId: "thread", turnId: "turn" } as never as { threadId: never; turnId: never };
    const diff = {
      command: {
        type: "thread.turn.diff.complete" as const,
        ...place,
        turnCount: 1,
        checkpointRef: "refs/muster/checkpoints/thread/turn/1" as never,
        status: "ready" as const,
        files: [],
        diff: "d".repeat(2_000),
        truncated: false,
      },
      correlationId: null,
    };
    await journal.append([activity("before", large)]);
    await journal.append([
      activity("dropped", large),
      diff,
      activity("asked", { kind: "approval.requested", payload: { requestId: "r" } }),
    ]);
    await journal.append([diff]);
    const entries = await journal.read(0, ALL);
    const of = (index: number) =>
      entries[index]?.command as never as { payload: Record<string, unknown>; diff: string; truncated: boolean };
    expect(of(0).payload["output"]).toHaveLength(11_000);
    expect(of(1).payload).toEqual({ dropped: "journal_full" });
    expect(of(2).diff).toHaveLength(2_000);
    expect(of(3).payload).toEqual({ requestId: "r" });
    expect(of(4)).toMatchObject({ diff: "", truncated: true });
    expect(journal.counters().thinnedEntries).toBe(2);
  });

  it("when it is full, acknowledged rows go before their day is over", async () => {
    const { journal } = await openJournal({ limits: { maxBytes: 1_000 } });
    await journal.append([activity("x".repeat(900)), activity("y".repeat(900))]);
    journal.acknowledge(1);
    await journal.append([]);
    await journal.prune();
    expect((await journal.read(0, ALL)).map((entry) => entry.sequence)).toEqual([2]);
    expect(journal.counters().bytes).toBeLessThan(1_200);
  });
});

describe("DMN-12 what goes wrong on the disk", () => {
  it("everyone waits while the disk is full, and nothing is lost or doubled", async () => {
    const full = new StoreError("unavailable", "database or disk is full");
    const { watching, commits } = watched(await openStore(), (call) => (call > 1 && call < 5 ? full : undefined));
    const delays: unknown[] = [];
    const { journal, timers } = await openJournal({ store: watching, onDelayed: (error) => delays.push(error) });
    const appended = Promise.all([journal.append([activity("a")]), journal.append([activity("b")])]);
    while (commits.length < 5) {
      await new Promise((resolve) => setImmediate(resolve));
      timers.advance(1_000);
    }
    await appended;
    expect(delays).toHaveLength(3);
    expect(await summaries(journal)).toEqual(["a", "b"]);
  });

  it("work that breaks a rule fails alone and takes no number", async () => {
    const { journal } = await openJournal();
    const bad = {
      sql: "INSERT INTO effects_seen (effect_id, fence, state, seen_at, updated_at) VALUES ('e', 1, 'no such state', '', '')",
      parameters: [],
    };
    const results = await Promise.allSettled([
      journal.append([activity("a")]),
      journal.append([activity("bad")], [bad]),
      journal.append([activity("b")]),
    ]);
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(
      (await journal.read(0, ALL)).map(({ sequence, command }) => [sequence, (command as { summary: string }).summary]),
    ).toEqual([
      [1, "a"],
      [2, "b"],
    ]);
  });

  it("statements commit with their entries or not at all", async () => {
    const { journal, store } = await openJournal();
    const good = {
      sql: "INSERT INTO effects_seen (effect_id, fence, state, seen_at, updated_at) VALUES ('e', 1, 'done', '', '')",
      parameters: [],
    };
    await journal.append([activity("a")], [good]);
    await expect(journal.append([activity("b")], [good])).rejects.toMatchObject({ code: "constraint_violated" });
    expect(await summaries(journal)).toEqual(["a"]);
    expect(await store.read({ sql: "SELECT count(*) AS rows FROM effects_seen", parameters: [] })).toMatchObject([
      { rows: 1 },
    ]);
  });

  it("closing commits what waits, and later appends are refused", async () => {
    const store = await openStore();
    const timers = manualTimers();
    const clock = { now: () => START_MS };
    const journal = await Journal.open({ store, clock, ids: testIds(clock), timers });
    const appended = journal.append([activity("a")]);
    await journal.close();
    await appended;
    await expect(journal.append([activity("b")])).rejects.toMatchObject({ code: "unavailable" });
    expect(await summaries(journal)).toEqual(["a"]);
  });
});

it("an entry that the hub could never read is left out and told, so that it blocks nothing", async () => {
  const told: string[] = [];
  const { journal } = await openJournal({
    onInvalid: (command, issues) => told.push(`${command.type} ${issues.join()}`),
  });
  await journal.append([activity("a"), activity("x".repeat(2_000)), activity("b", { kind: "" }), activity("c")]);
  expect(await summaries(journal)).toEqual(["a", "c"]);
  expect(told).toHaveLength(2);
  expect(told[0]).toContain("thread.activity.append summary");
});

it("keeps text as the hub will keep it, so that both have the same", async () => {
  const { journal } = await openJournal();
  await journal.append([activity("a\0\ud83d")]);
  expect(await summaries(journal)).toEqual(["a\ufffd\ufffd"]);
});

it("ORC-37 a renewed journal has a new id and offers the rows above the mark from 1 again", async () => {
  const { journal } = await openJournal();
  await journal.append([activity("a"), activity("b"), activity("c")]);
  journal.acknowledge(1);
  const { journalId } = journal;
  const renewing = Promise.all([journal.append([activity("d")]), journal.renew(1), journal.append([activity("e")])]);
  await renewing;
  expect(journal.journalId).not.toBe(journalId);
  expect(journal.acknowledgedSequence).toBe(0);
  expect((await journal.read(0, ALL)).map((entry) => entry.sequence)).toEqual([1, 2, 3, 4]);
  expect(await summaries(journal)).toEqual(["b", "c", "d", "e"]);
});
