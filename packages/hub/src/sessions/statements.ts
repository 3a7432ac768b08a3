// The statements of sessions and of their members; those of invites are in invite-statements.ts.
import type { MembershipState, PrincipalId, Role, SessionId, SessionState } from "@muster/contracts";
import { change, integer, list, nullable, pick, type RowOf, select, text } from "@muster/store";
import { HUB_TABLES, ofSessions, ofSpace } from "../schema/index.ts";
import { LISTED_MAX } from "./limits.ts";

const { principals, runtime_node_attachments: slots, session_memberships: memberships, sessions } = HUB_TABLES;

export const ofSession = { ...ofSpace, sessionId: text<SessionId>() } as const;
const ofMember = { ...ofSession, participantId: text<PrincipalId>() } as const;

/** Of whoever acts, in a session that is not closed. */
export const standingOf = select({
  request: { ...ofSession, participantIds: list(text<PrincipalId>(), 2) },
  row: { ...pick(memberships, "participant_id", "role"), session_state: sessions.state },
  sql: `SELECT m.participant_id, m.role, s.state AS session_state
    FROM session_memberships m JOIN sessions s ON s.space_id = m.space_id AND s.session_id = m.session_id
    WHERE m.space_id = :spaceId AND m.session_id = :sessionId AND m.participant_id IN (:participantIds)
      AND m.state = 'active' AND s.state <> 'closed' ORDER BY m.participant_id`,
});

const countedSession = {
  ...pick(sessions, "session_id", "title", "state", "min_client_version", "created_at", "updated_at"),
  member_count: integer(),
  node_count: integer(),
};
export type CountedSession = RowOf<typeof countedSession>;

/** Sessions that are not closed, oldest first. */
export const sessionsWithCounts = select({
  request: ofSessions,
  row: countedSession,
  sql: `SELECT s.session_id, s.title, s.state, s.min_client_version, s.created_at, s.updated_at,
      (SELECT count(*) FROM session_memberships m
        WHERE m.space_id = s.space_id AND m.session_id = s.session_id AND m.state = 'active') AS member_count,
      (SELECT count(*) FROM runtime_node_attachments a WHERE a.space_id = s.space_id AND a.session_id = s.session_id
        AND a.state IN ('registering', 'online', 'degraded')) AS node_count
    FROM sessions s WHERE s.space_id = :spaceId AND s.session_id IN (:sessionIds) AND s.state <> 'closed'
    ORDER BY s.created_at, s.session_id`,
});

export const sessionOf = select({
  request: ofSession,
  row: pick(sessions, "title", "state", "min_client_version"),
  sql: "SELECT title, state, min_client_version FROM sessions WHERE space_id = :spaceId AND session_id = :sessionId",
});

export const updateSession = change({
  request: { ...ofSession, title: text(), state: text<SessionState>(), now: text() },
  sql: `UPDATE sessions SET title = :title, state = :state, updated_at = :now
    WHERE space_id = :spaceId AND session_id = :sessionId AND state <> 'closed'`,
});

export const updateFloor = change({
  request: { ...ofSession, floor: nullable(text()), now: text() },
  sql: `UPDATE sessions SET min_client_version = :floor, updated_at = :now
    WHERE space_id = :spaceId AND session_id = :sessionId AND state <> 'closed'`,
});

/** Makes the first member of a new session, unless that principal is in `max` of them already. */
export const foundMembership = change({
  request: { ...ofMember, now: text(), max: integer() },
  sql: `INSERT INTO session_memberships (space_id, session_id, participant_id, role, state, created_at, updated_at)
    SELECT s.space_id, s.session_id, :participantId, 'owner', 'active', :now, :now FROM sessions s
    WHERE s.space_id = :spaceId AND s.session_id = :sessionId AND (SELECT count(*) FROM session_memberships m
      JOIN sessions others ON others.space_id = m.space_id AND others.session_id = m.session_id
      WHERE m.space_id = :spaceId AND m.participant_id = :participantId AND m.state = 'active'
        AND others.state <> 'closed') < :max`,
});

export const sessionsOfPrincipal = select({
  request: { ...ofSpace, participantId: text<PrincipalId>() },
  row: { count: integer() },
  sql: `SELECT count(*) AS count FROM session_memberships m
    JOIN sessions others ON others.space_id = m.space_id AND others.session_id = m.session_id
    WHERE m.space_id = :spaceId AND m.participant_id = :participantId AND m.state = 'active' AND others.state <> 'closed'`,
});

const memberRow = {
  ...pick(memberships, "participant_id", "role", "state", "created_at", "updated_at"),
  ...pick(principals, "kind", "display_name"),
};
export type MemberRow = RowOf<typeof memberRow>;
const memberSql = (condition: string): string => `SELECT m.participant_id, m.role, m.state, m.created_at, m.updated_at,
      p.kind, p.display_name
    FROM session_memberships m
    JOIN principals p ON p.space_id = m.space_id AND p.principal_id = m.participant_id
    WHERE m.space_id = :spaceId AND m.session_id = :sessionId${condition}`;

export const membersOf = select({
  request: ofSession,
  row: memberRow,
  sql: `${memberSql("")} ORDER BY CASE m.state WHEN 'revoked' THEN 1 ELSE 0 END, m.created_at, m.participant_id
    LIMIT ${LISTED_MAX}`,
});

export const memberOf = select({
  request: ofMember,
  row: memberRow,
  sql: memberSql(" AND m.participant_id = :participantId"),
});

/** Nodes with a slot that is not revoked, by whose they are. */
export const nodesOfMembers = select({
  request: ofSession,
  row: pick(slots, "participant_id", "node_id"),
  sql: `SELECT participant_id, node_id FROM runtime_node_attachments
    WHERE space_id = :spaceId AND session_id = :sessionId AND state <> 'revoked' ORDER BY node_id`,
});

/** People who own the session now: a service stands for one of them, and an agent cannot do what an owner has to. */
export const activeOwners = select({
  request: ofSession,
  row: pick(memberships, "participant_id"),
  sql: `SELECT m.participant_id FROM session_memberships m
    JOIN principals p ON p.space_id = m.space_id AND p.principal_id = m.participant_id
    WHERE m.space_id = :spaceId AND m.session_id = :sessionId AND m.role = 'owner' AND m.state = 'active'
      AND p.kind = 'human' AND p.disabled_at IS NULL ORDER BY m.participant_id`,
});

/** Members that are not revoked. */
export const participantCount = select({
  request: ofSession,
  row: { count: integer() },
  sql: `SELECT count(*) AS count FROM session_memberships
    WHERE space_id = :spaceId AND session_id = :sessionId AND state <> 'revoked'`,
});

export const updateMember = change({
  request: { ...ofMember, role: text<Role>(), state: text<MembershipState>(), now: text() },
  sql: `UPDATE session_memberships SET role = :role, state = :state, updated_at = :now
    WHERE space_id = :spaceId AND session_id = :sessionId AND participant_id = :participantId`,
});
