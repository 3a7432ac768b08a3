import { until } from "@muster/core/testing";
import { afterEach, expect, it } from "vitest";
import { endAll, openDaemon, openWorld, startOf, type World } from "../uplink/testing/opened.ts";

afterEach(endAll);

const turn = async (world: World, text: string, turnCount = 1) => {
  const effect = startOf(world, text, { turnCount });
  world.hub.run(`effect-${effect.turnId}`, effect);
  await until("the turn's end", () =>
    world.hub.commands("thread.turn.settle").some(({ turnId }) => turnId === effect.turnId),
  );
  return effect;
};
const numbers = (world: World): number[][] =>
  [...world.hub.journals.values()].map(({ entries }) => entries.map(({ sequence }) => sequence));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

it("ORC-22 entries whose acknowledgement was lost are sent again and taken once", async () => {
  const world = await openWorld();
  await openDaemon(world);
  world.hub.behaviour.losesAcknowledgements = true;
  const first = startOf(world, "say one");
  world.hub.run("effect-1", first);
  // No more than the window holds comes without an acknowledgement.
  await until("some batches", () => world.hub.batches.length >= 3);
  world.hub.behaviour.losesAcknowledgements = false;
  const [journal] = world.hub.journals.values();
  if (journal === undefined) throw new Error("nothing was ingested");
  // As a hub that was killed before its last commit: the next hello_ack says what it has.
  const lost = journal.entries.splice(-2).length;
  journal.lastSequence -= lost;
  world.hub.current.socket.terminate();
  await until("the ending", () => world.hub.commands("thread.turn.settle").length === 1);
  expect(world.hub.textOf(first.turnId)).toBe("one");
  const next = await turn(world, "say two", 2);
  expect(world.hub.textOf(next.turnId)).toBe("two");
  expect(numbers(world)).toEqual([upTo(journal.entries.length)]);
});

it("ORC-37 a hub that knows more of the journal than the disk holds gets what is new under a new id", async () => {
  const world = await openWorld();
  const first = await openDaemon(world);
  await turn(world, "say before");
  await first.prepared.close();
  const [oldId = "", old] = [...world.hub.journals][0] ?? [];
  if (old === undefined) throw new Error("nothing was ingested");
  const known = old.entries.length;
  old.lastSequence += 100;
  await openDaemon(world);
  // It says hello anew once the new journal is on the disk.
  await world.hub.next("hello", 3);
  const after = await turn(world, "say after", 2);
  expect(world.hub.textOf(after.turnId)).toBe("after");
  const ids = [...world.hub.journals.keys()];
  expect(ids).toHaveLength(2);
  expect(ids[0]).toBe(oldId);
  expect(old.entries).toHaveLength(known);
  expect(world.hub.all("hello").at(-1)).toMatchObject({ journalId: ids[1] });
  expect(world.hub.commands("thread.turn.settle")).toHaveLength(2);
});

it("ORC-37 a hub restored from an older copy gets what it lacks under a new id, once, over restarts too", async () => {
  const world = await openWorld();
  const first = await openDaemon(world);
  await turn(world, "say one");
  await turn(world, "say two", 2);
  const [oldId = "", old] = [...world.hub.journals][0] ?? [];
  if (old === undefined) throw new Error("nothing was ingested");
  const all = old.entries.map(({ command }) => command);
  await until("every acknowledgement", () => all.length === old.lastSequence);
  // The copy was taken in the middle.
  const lacked = old.entries.splice(3);
  old.lastSequence = 3;
  world.hub.behaviour.generation = "restored";
  world.hub.current.socket.terminate();
  await until("what it lacks", () => world.hub.entries.length === all.length);
  expect(world.hub.entries.map(({ command }) => command)).toEqual(all);
  const [, newId] = [...world.hub.journals.keys()];
  expect(newId).not.toBe(oldId);
  expect(world.hub.journals.get(newId ?? "")?.entries.map(({ sequence }) => sequence)).toEqual(upTo(lacked.length));
  expect(old.entries).toHaveLength(3);
  // The same store is the same for a new connection and for a new process.
  world.hub.current.socket.terminate();
  await first.prepared.close();
  await openDaemon(world);
  const next = await turn(world, "say three", 3);
  expect(world.hub.textOf(next.turnId)).toBe("three");
  expect([...world.hub.journals.keys()]).toEqual([oldId, newId]);
});

it("DMN-12 thousands of entries of many threads at once arrive once each, in the order of each thread", async () => {
  const world = await openWorld();
  await openDaemon(world);
  const effects = Array.from({ length: 6 }, (_, index) =>
    startOf(world, "flood 40\nstream 50 chunks of 500 characters\nplan", { threadId: `thread-${index}` as never }),
  );
  for (const effect of effects) world.hub.run(`effect-${effect.turnId}`, effect);
  await until("half of the text", () => world.hub.entries.length > 30);
  world.hub.current.socket.terminate();
  await until("all endings", () => world.hub.commands("thread.turn.settle").length === effects.length);
  const [entries = []] = numbers(world);
  expect(entries).toEqual(upTo(entries.length));
  for (const { turnId } of effects) expect(world.hub.textOf(turnId)).toHaveLength(25_000);
});
