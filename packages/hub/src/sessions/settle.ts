// Read, decide, commit with what was read as guards, and again where something changed meanwhile. Who may do a thing is
// one of the guards, so that nobody does it with a role that was taken away in between.
import { MusterError, type PrincipalId, type SessionId, type SpaceId } from "@muster/contracts";
import type { Guard, QueryOf, Statement, Store } from "@muster/store";
import type { Caller } from "../ports.ts";
import { DECIDE_ATTEMPTS } from "./limits.ts";
import type { SessionsOptions } from "./options.ts";
import { nodesOfMembers, standingOf } from "./statements.ts";

/** Reads that the commit proves again. One per attempt. */
export class Facts {
  readonly guards: Guard[] = [];
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async read<Found extends object>(query: QueryOf<Found>): Promise<readonly Found[]> {
    const rows = await this.#store.read(query);
    // Rows of declared statements hold what databases hold.
    this.guards.push({ query, expected: rows as readonly object[] as Guard["expected"] });
    return rows;
  }
}

/** No statements: nothing has to change. */
export interface Decision<Answer> {
  readonly statements: readonly Statement[];
  readonly announcements?: readonly string[];
  readonly answer: Answer;
}

/** Throws what `decide` throws, or `concurrency_conflict` when others were faster each time. */
export async function settle<Answer>(
  store: Store,
  decide: (facts: Facts) => Promise<Decision<Answer>>,
): Promise<Answer> {
  for (let attempt = 1; attempt <= DECIDE_ATTEMPTS; attempt += 1) {
    const facts = new Facts(store);
    const { statements, announcements = [], answer } = await decide(facts);
    if (statements.length === 0) return answer;
    const result = await store.commit({ guards: facts.guards, statements, announcements });
    if (result.status === "committed") return answer;
  }
  throw new MusterError("concurrency_conflict");
}

/** That the session's nodes are shown otherwise: their verdicts follow its floor, its state and its members. */
export async function newsOfNodes(
  { store, announcement }: SessionsOptions,
  spaceId: SpaceId,
  sessionId: SessionId,
): Promise<readonly string[]> {
  if (announcement === undefined) return [];
  const nodes = await store.read(nodesOfMembers(store.dialect, { spaceId, sessionId }));
  return nodes.map((node) => announcement(spaceId, node.node_id));
}

/** Principals whose memberships count for the caller. */
export const actingAs = (identity: SessionsOptions["identity"], caller: Caller): readonly PrincipalId[] => [
  ...new Set([caller.principalId, identity.standsFor(caller)]),
];

/** Throws `session_not_found` for who is no active member now, `permission_denied` for who does not own the session. */
export async function proveOwner(
  { store, identity }: Pick<SessionsOptions, "store" | "identity">,
  facts: Facts,
  caller: Caller,
  sessionId: SessionId,
): Promise<{ readonly isArchived: boolean }> {
  const participantIds = actingAs(identity, caller);
  const rows = await facts.read(standingOf(store.dialect, { spaceId: caller.spaceId, sessionId, participantIds }));
  const [row] = rows;
  if (row === undefined) throw new MusterError("session_not_found");
  if (!rows.some(({ role }) => role === "owner")) throw new MusterError("permission_denied");
  return { isArchived: row.session_state === "archived" };
}
