import { type ErrorBody, type FrameOf, type JournalId, MusterError } from "@muster/contracts";
import { afterEach, expect, it } from "vitest";
import type { Journal } from "./journal.ts";
import { IngestPump, type PumpLimits } from "./pump.ts";
import { activity, closeAll, openJournal } from "./testing/opened.ts";

afterEach(closeAll);

type Batch = Omit<FrameOf<"ingest.batch">, "type">;

/** A hub's end that a test answers by hand. */
const open = async (entries: number, limits: Partial<PumpLimits> = {}) => {
  let pump: IngestPump | undefined;
  const opened = await openJournal({ onAppended: () => pump?.wake() });
  const { journal, timers } = opened;
  const sent: Batch[] = [];
  const unusable: number[] = [];
  let takes = true;
  const made = new IngestPump({
    journal,
    timers,
    send: (batch) => {
      if (takes) sent.push(batch);
      return takes;
    },
    onUnusable: (keepAfter) => unusable.push(keepAfter),
    limits,
  });
  pump = made;
  await append(journal, entries);
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    ...opened,
    pump: made,
    sent,
    unusable,
    settle,
    take: (value: boolean) => {
      takes = value;
    },
    ack: async (lastSequence: number, error?: ErrorBody, journalId: JournalId = journal.journalId) => {
      made.acknowledged({ type: "ingest.ack", journalId, lastSequence, ...(error === undefined ? {} : { error }) });
      await settle();
    },
    ranges: () => sent.map(({ firstSequence, entries: batch }) => [firstSequence, batch.at(-1)?.sequence]),
  };
};
const append = (journal: Journal, count: number): Promise<void> =>
  journal.append(Array.from({ length: count }, (_, index) => activity(`${index}`)));
const gap = new MusterError("ingest_gap").toBody();

it("ORC-22 everything is offered from the hub's cursor on, in order, a few batches ahead of its acknowledgement", async () => {
  const { pump, ranges, ack, settle, journal } = await open(2_000);
  pump.connected(100);
  await settle();
  expect(journal.acknowledgedSequence).toBe(100);
  expect(ranges()).toEqual([
    [101, 356],
    [357, 612],
    [613, 868],
    [869, 1_124],
  ]);
  await ack(356);
  expect(ranges().slice(4)).toEqual([[1_125, 1_380]]);
  await ack(1_380);
  expect(ranges().at(-1)).toEqual([1_893, 2_000]);
  await ack(2_000);
  await append(journal, 3);
  await settle();
  expect(ranges().at(-1)).toEqual([2_001, 2_003]);
});

it("ORC-22 a lost acknowledgement leads to the same batch once more", async () => {
  const { pump, ranges, settle, timers, ack } = await open(10);
  pump.connected(0);
  await settle();
  timers.advance(14_999);
  await settle();
  expect(ranges()).toEqual([[1, 10]]);
  timers.advance(1);
  await settle();
  expect(ranges()).toEqual([
    [1, 10],
    [1, 10],
  ]);
  await ack(10);
  timers.advance(60_000);
  await settle();
  expect(ranges()).toHaveLength(2);
});

it("ORC-22 a gap leads back to what the hub has, once for all batches on the way", async () => {
  const { pump, ranges, ack, settle } = await open(1_000);
  pump.connected(0);
  await settle();
  expect(ranges()).toHaveLength(4);
  await ack(256, gap);
  await ack(256, gap);
  await ack(256, gap);
  expect(ranges().slice(4)).toEqual([
    [257, 512],
    [513, 768],
    [769, 1_000],
  ]);
});

it("a hub that cannot take entries now is asked again after a pause, one that refuses after a longer one", async () => {
  const { pump, ranges, ack, settle, timers } = await open(10);
  pump.connected(0);
  await settle();
  await ack(0, new MusterError("unavailable").toBody());
  timers.advance(999);
  await settle();
  expect(ranges()).toHaveLength(1);
  timers.advance(1);
  await settle();
  expect(ranges()).toHaveLength(2);
  await ack(0, new MusterError("permission_denied").toBody());
  timers.advance(29_999);
  await settle();
  expect(ranges()).toHaveLength(2);
  timers.advance(1);
  await settle();
  expect(ranges()).toHaveLength(3);
});

it("after a reconnect it begins at the hub's cursor, whatever was on the way", async () => {
  const { pump, ranges, settle } = await open(10);
  pump.connected(0);
  await settle();
  pump.disconnected();
  pump.wake();
  await settle();
  pump.connected(4);
  await settle();
  expect(ranges()).toEqual([
    [1, 10],
    [5, 10],
  ]);
});

it("bulk that is held back is offered again when it is taken", async () => {
  const { pump, ranges, settle, take } = await open(10);
  take(false);
  pump.connected(0);
  await settle();
  expect(ranges()).toEqual([]);
  take(true);
  pump.wake();
  await settle();
  expect(ranges()).toEqual([[1, 10]]);
});

it("batches are cut by bytes, and an acknowledgement of another journal is ignored", async () => {
  const { pump, sent, settle, ack, journal } = await open(10, { batchMaxBytes: 600, windowBatches: 100 });
  pump.connected(0);
  await settle();
  expect(sent.length).toBeGreaterThan(3);
  expect(sent.flatMap((batch) => batch.entries.map((entry) => entry.sequence))).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ]);
  await ack(10, undefined, "another" as JournalId);
  expect(journal.acknowledgedSequence).toBe(0);
});

it("ORC-37 a hub that knows more than the journal holds, or asks for pruned rows, needs a new journal", async () => {
  const ahead = await open(5);
  ahead.pump.connected(9);
  await ahead.settle();
  expect([ahead.unusable, ahead.ranges(), ahead.journal.acknowledgedSequence]).toEqual([[0], [], 0]);
  const pruned = await open(5);
  pruned.journal.acknowledge(3);
  await pruned.journal.append([]);
  pruned.timers.advance(25 * 60 * 60 * 1_000);
  await pruned.journal.prune();
  pruned.pump.connected(1);
  await pruned.settle();
  expect([pruned.unusable, pruned.ranges()]).toEqual([[1], []]);
});
