// What a new hub needs before anyone can log in: a space, its owner, the command line's own principal and a session,
// all in one commit, so that a crash leaves everything or nothing.
import type { PrincipalId, SessionId, SpaceId } from "@muster/contracts";
import { isoTime } from "@muster/core";
import type { Store } from "@muster/store";
import { audited } from "./audit.ts";
import { cliTokenFile, readCliToken, writeCliToken } from "./cli-token.ts";
import { CLI_TOKEN_LABEL } from "./limits.ts";
import type { IdentityOptions } from "./options.ts";
import { firstPrincipal, firstSpace, insertSpace } from "./space-queries.ts";
import { callerOf, insertToken } from "./token-queries.ts";
import { createToken, hashToken, shown } from "./tokens.ts";

export interface Founded {
  readonly spaceId: SpaceId;
  readonly ownerId: PrincipalId;
  readonly cliPrincipalId: PrincipalId;
}

const present = <Row>(row: Row | undefined, what: string): Row => {
  if (row === undefined) throw new Error(`the database has no ${what}`);
  return row;
};

const find = async (store: Store): Promise<Founded | null> => {
  const [space] = await store.read(firstSpace(store.dialect, {}));
  if (space === undefined) return null;
  const { space_id: spaceId } = space;
  const [[owner], [service]] = await store.readTransaction([
    firstPrincipal(store.dialect, { spaceId, kind: "human" }),
    firstPrincipal(store.dialect, { spaceId, kind: "service" }),
  ]);
  return {
    spaceId,
    ownerId: present(owner, "owner of the space").principal_id,
    cliPrincipalId: present(service, "service for the command line").principal_id,
  };
};

/**
 * A space's id stands in every row and in every key of every index, and there are few spaces: the 48 random bits at the end
 * of a UUIDv7 tell them apart.
 */
const SPACE_ID_CHARACTERS = 12;

/** Finds the space or founds it, and sees to it that the command line's token file holds a token that is good. */
export const openSpace = async (options: IdentityOptions): Promise<Founded> => {
  const { store, ids, clock } = options;
  const { dialect } = store;
  const founded = await find(store);
  if (founded !== null) {
    await renewCliToken(options, founded);
    return founded;
  }
  const createdAt = isoTime(clock.now());
  const spaceId = ids.next().slice(-SPACE_ID_CHARACTERS) as SpaceId;
  const ownerId = ids.next() as PrincipalId;
  const cliPrincipalId = ids.next() as PrincipalId;
  const token = createToken(options.random);
  const result = await store.commit({
    // Another process may found it at the same moment; then its space is ours too.
    guards: [{ query: firstSpace(dialect, {}), expected: [] }],
    statements: [
      ...insertSpace(dialect, {
        spaceId,
        title: "Default space",
        sessionId: ids.next() as SessionId,
        sessionTitle: "Default session",
        principals: [
          { principalId: ownerId, kind: "human", displayName: options.ownerName ?? "Owner", role: "owner" },
          { principalId: cliPrincipalId, kind: "service", displayName: "Command line", role: "owner" },
        ],
        createdAt,
      }),
      ...insertToken(dialect, cliToken({ spaceId, cliPrincipalId }, token, createdAt)),
      ...audited(
        { dialect, ids },
        { spaceId, at: createdAt, actorId: ownerId, action: "space.created", subject: spaceId },
      ),
    ],
  });
  if (result.status === "conflict") return openSpace(options);
  await writeCliToken(cliTokenFile(options.home), token, ids.next());
  return { spaceId, ownerId, cliPrincipalId };
};

const cliToken = (founded: Pick<Founded, "spaceId" | "cliPrincipalId">, token: string, createdAt: string) => ({
  tokenHash: hashToken(token),
  spaceId: founded.spaceId,
  principalId: founded.cliPrincipalId,
  kind: "api" as const,
  label: CLI_TOKEN_LABEL,
  createdAt,
  expiresAt: null,
});

const renewCliToken = async (options: IdentityOptions, founded: Founded): Promise<void> => {
  const { store, ids, clock } = options;
  const { dialect } = store;
  const file = cliTokenFile(options.home);
  const now = isoTime(clock.now());
  const token = await readCliToken(file);
  if (token !== null) {
    const [caller] = await store.read(callerOf(dialect, { tokenHash: hashToken(token), kind: "api", now }, founded));
    if (caller?.space_id === founded.spaceId) return;
  }
  const fresh = createToken(options.random);
  await store.commit({
    guards: [],
    statements: [
      ...insertToken(dialect, cliToken(founded, fresh, now)),
      ...audited(
        { dialect, ids },
        {
          spaceId: founded.spaceId,
          at: now,
          actorId: founded.cliPrincipalId,
          action: "cli-token.created",
          subject: founded.cliPrincipalId,
          details: { token: shown(hashToken(fresh)) },
        },
      ),
    ],
  });
  await writeCliToken(file, fresh, ids.next());
};
