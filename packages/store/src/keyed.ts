// A store for those who read by key alone: marks each of their queries, so that an adapter that reads in threads
// answers it at once.
import type { Answers, QueryOf, Store } from "./port.ts";

const keyed = <Found extends object>(query: QueryOf<Found>): QueryOf<Found> => ({
  sql: query.sql,
  parameters: query.parameters,
  isKeyed: true,
});

/** The same store; every read through it counts as `isKeyed`. Closing it closes the store. */
export const keyedReads = (store: Store): Store => ({
  dialect: store.dialect,
  read: (query) => store.read(keyed(query)),
  readTransaction: (queries) => store.readTransaction(queries.map(keyed)) as Promise<Answers<typeof queries>>,
  commit: (batch) => store.commit(batch),
  migrate: (set, stamp) => store.migrate(set, stamp),
  ...(store.listen !== undefined && { listen: store.listen.bind(store) }),
  close: () => store.close(),
});
