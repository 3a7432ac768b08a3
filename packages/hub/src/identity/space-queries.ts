// SQL of spaces, and of the principals and memberships in them.
import type { PrincipalId, PrincipalKind, Role, SessionId, SpaceId } from "@muster/contracts";
import { insertInto, pick, type Statement, type Store, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";

type Dialect = Store["dialect"];

export interface NewPrincipal {
  readonly principalId: PrincipalId;
  readonly kind: PrincipalKind;
  readonly displayName: string;
  readonly role: Role;
}

export interface NewSpace {
  readonly spaceId: SpaceId;
  readonly title: string;
  readonly sessionId: SessionId;
  readonly sessionTitle: string;
  readonly principals: readonly NewPrincipal[];
  readonly createdAt: string;
}

export const firstSpace = select({
  request: {},
  row: pick(HUB_TABLES.spaces, "space_id"),
  sql: "SELECT space_id FROM spaces ORDER BY created_at, space_id LIMIT 1",
});

/** The first of its kind in the space: the owner and the command line's service are made with it. */
export const firstPrincipal = select({
  request: { ...ofSpace, kind: text<PrincipalKind>() },
  row: pick(HUB_TABLES.principals, "principal_id"),
  sql: `SELECT principal_id FROM principals WHERE space_id = :spaceId AND kind = :kind
    ORDER BY created_at, principal_id LIMIT 1`,
});

export const insertSpace = (dialect: Dialect, space: NewSpace): readonly Statement[] => [
  ...insertInto(dialect, HUB_TABLES, "spaces", [
    {
      space_id: space.spaceId,
      title: space.title,
      default_session_id: space.sessionId,
      created_at: space.createdAt,
    },
  ]),
  ...insertInto(dialect, HUB_TABLES, "sessions", [
    {
      space_id: space.spaceId,
      session_id: space.sessionId,
      title: space.sessionTitle,
      state: "active",
      min_client_version: null,
      created_at: space.createdAt,
      updated_at: space.createdAt,
    },
  ]),
  ...space.principals.flatMap((principal) => insertMember(dialect, space, principal)),
];

/** A new principal with its one membership. */
export const insertMember = (
  dialect: Dialect,
  place: Pick<NewSpace, "spaceId" | "sessionId" | "createdAt">,
  { principalId, kind, displayName, role }: NewPrincipal,
): readonly Statement[] => [
  ...insertInto(dialect, HUB_TABLES, "principals", [
    {
      space_id: place.spaceId,
      principal_id: principalId,
      kind,
      display_name: displayName,
      created_at: place.createdAt,
      disabled_at: null,
    },
  ]),
  ...insertInto(dialect, HUB_TABLES, "session_memberships", [
    {
      space_id: place.spaceId,
      session_id: place.sessionId,
      participant_id: principalId,
      role,
      state: "active",
      created_at: place.createdAt,
      updated_at: place.createdAt,
    },
  ]),
];
