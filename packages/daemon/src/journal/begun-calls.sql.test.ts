import type { ProviderItemId, TurnId } from "@muster/contracts";
import { afterEach, expect, it } from "vitest";
import { BegunCallLedger } from "./begun-calls.ts";
import { activity, closeAll, openJournal } from "./testing/opened.ts";

afterEach(closeAll);

const turn = "turn" as TurnId;
const item = (id: string) => id as ProviderItemId;

it("calls that had begun are found by their turn in their order, until they are recorded", async () => {
  const { store, clock, journal } = await openJournal();
  const ledger = new BegunCallLedger({ store, clock });
  for (const id of ["b", "a", "c"]) await journal.append([], [ledger.began(turn, item(id), activity(id).command)]);
  await journal.append([], [ledger.began("other" as TurnId, item("a"), activity("other").command)]);
  await journal.append([activity("a")], [ledger.recorded(turn, item("a"))]);
  expect(await ledger.unrecorded(turn)).toMatchObject([{ summary: "b" }, { summary: "c" }]);
  await journal.append([], [ledger.allRecorded()]);
  expect([...(await ledger.unrecorded(turn)), ...(await ledger.unrecorded("other" as TurnId))]).toEqual([]);
});

it("a call that does not fit the contract holds up no start: the journal leaves it out", async () => {
  const left: unknown[] = [];
  const { store, clock, journal } = await openJournal({ onInvalid: (command) => left.push(command) });
  const ledger = new BegunCallLedger({ store, clock });
  await journal.append([], [ledger.began(turn, item("a"), { type: "thread.of-the-future" } as never)]);
  const commands = await ledger.unrecorded(turn);
  await journal.append(commands.map((command) => ({ command, correlationId: null })));
  expect([left.length, journal.lastSequence]).toEqual([1, 0]);
});
