// Calls of tools whose beginning waits to be recorded, because a short call is recorded once, at its end. On disk, so that
// a daemon that was killed meanwhile still tells that they had begun. Each is gone in the transaction that records it.
import type { InternalCommand, ProviderItemId, TurnId } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import type { Statement, Store } from "@muster/store";

export class BegunCallLedger {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(options: { readonly store: Store; readonly clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /** `command` is what the journal gets if nothing more is heard of the call. */
  began(turnId: TurnId, itemId: ProviderItemId, command: InternalCommand): Statement {
    return {
      sql: `INSERT INTO begun_calls (turn_id, item_id, payload, begun_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (turn_id, item_id) DO UPDATE SET payload = excluded.payload, begun_at = excluded.begun_at`,
      parameters: [turnId, itemId, JSON.stringify(command), isoTime(this.#clock.now())],
    };
  }

  recorded(turnId: TurnId, itemId: ProviderItemId): Statement {
    return { sql: "DELETE FROM begun_calls WHERE turn_id = ? AND item_id = ?", parameters: [turnId, itemId] };
  }

  allRecorded(): Statement {
    return { sql: "DELETE FROM begun_calls", parameters: [] };
  }

  /** Those of one turn in the order in which they began. The journal leaves out what does not fit the contract. */
  async unrecorded(turnId: TurnId): Promise<InternalCommand[]> {
    const rows = await this.#store.read({
      sql: "SELECT payload FROM begun_calls WHERE turn_id = ? ORDER BY rowid",
      parameters: [turnId],
    });
    return rows.map((row) => JSON.parse(String(row["payload"])) as InternalCommand);
  }
}
