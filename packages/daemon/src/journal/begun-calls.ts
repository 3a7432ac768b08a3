// Calls of tools whose beginning waits to be recorded, because a short call is recorded once, at its end. On disk, so that
// a daemon that was killed meanwhile still tells that they had begun. Each is gone in the transaction that records it.
import type { InternalCommand, ProviderItemId, TurnId } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import { change, pick, type Statement, type Store, select } from "@muster/store";
import { DAEMON_TABLES } from "../schema/index.ts";

const { begun_calls: calls } = DAEMON_TABLES;

const putCall = change({
  request: { turnId: calls.turn_id, itemId: calls.item_id, payload: calls.payload, at: calls.begun_at },
  sql: `INSERT INTO begun_calls (turn_id, item_id, payload, begun_at) VALUES (:turnId, :itemId, :payload, :at)
    ON CONFLICT (turn_id, item_id) DO UPDATE SET payload = excluded.payload, begun_at = excluded.begun_at`,
});

const deleteCall = change({
  request: { turnId: calls.turn_id, itemId: calls.item_id },
  sql: "DELETE FROM begun_calls WHERE turn_id = :turnId AND item_id = :itemId",
});

const deleteAllCalls = change({ request: {}, sql: "DELETE FROM begun_calls" });

const callsOf = select({
  request: { turnId: calls.turn_id },
  row: pick(calls, "payload"),
  sql: "SELECT payload FROM begun_calls WHERE turn_id = :turnId ORDER BY rowid",
});

export class BegunCallLedger {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(options: { readonly store: Store; readonly clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /** `command` is what the journal gets if nothing more is heard of the call. */
  began(turnId: TurnId, itemId: ProviderItemId, command: InternalCommand): Statement {
    return putCall("sqlite", {
      turnId,
      itemId,
      payload: JSON.stringify(command),
      at: isoTime(this.#clock.now()),
    });
  }

  recorded(turnId: TurnId, itemId: ProviderItemId): Statement {
    return deleteCall("sqlite", { turnId, itemId });
  }

  allRecorded(): Statement {
    return deleteAllCalls("sqlite", {});
  }

  /** Those of one turn in the order in which they began. The journal leaves out what does not fit the contract. */
  async unrecorded(turnId: TurnId): Promise<InternalCommand[]> {
    const rows = await this.#store.read(callsOf("sqlite", { turnId }));
    return rows.map((row) => JSON.parse(row.payload) as InternalCommand);
  }
}
