// What identity is opened with.
import type { Clock, Ids, Random } from "@muster/core";
import type { Store } from "@muster/store";

export interface IdentityOptions {
  /** Migrated with HUB_MIGRATIONS. */
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  /** An existing folder that this process may write. */
  readonly home: string;
  /** Display name of the owner when the space is made. Default "Owner". */
  readonly ownerName?: string;
}
