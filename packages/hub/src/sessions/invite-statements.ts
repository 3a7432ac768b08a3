// The statements of invites. What a redemption rests on is in the one change that spends the invite, so that any number of
// them at once need no second try: whoever comes too late changes no row.
import type { PrincipalId, Role } from "@muster/contracts";
import { change, integer, pick, type RowOf, select, text } from "@muster/store";
import { HUB_TABLES } from "../schema/index.ts";
import { LISTED_MAX } from "./limits.ts";
import { ofSession } from "./statements.ts";

const { session_invites: invites, sessions } = HUB_TABLES;

const ofInvite = { ...ofSession, inviteId: text() } as const;

const inviteRow = pick(
  invites,
  "invite_id",
  "session_id",
  "role",
  "state",
  "issued_by",
  "created_at",
  "expires_at",
  "redeemed_by",
  "settled_at",
);
export type InviteRow = RowOf<typeof inviteRow>;

const INVITE_COLUMNS = "invite_id, session_id, role, state, issued_by, created_at, expires_at, redeemed_by, settled_at";

export const inviteOf = select({
  request: ofInvite,
  row: inviteRow,
  sql: `SELECT ${INVITE_COLUMNS} FROM session_invites
    WHERE space_id = :spaceId AND session_id = :sessionId AND invite_id = :inviteId`,
});

export const invitesOf = select({
  request: ofSession,
  row: inviteRow,
  sql: `SELECT ${INVITE_COLUMNS} FROM session_invites WHERE space_id = :spaceId AND session_id = :sessionId
    ORDER BY created_at DESC, invite_id DESC LIMIT ${LISTED_MAX}`,
});

/** Times of the newest, newest first. */
export const recentInvites = select({
  request: { ...ofSession, since: text(), most: integer() },
  row: pick(invites, "created_at"),
  sql: `SELECT created_at FROM session_invites
    WHERE space_id = :spaceId AND session_id = :sessionId AND created_at > :since
    ORDER BY created_at DESC LIMIT :most`,
});

/** Changes no row where the session has had `most` since then. */
export const issueInvite = change({
  request: {
    ...ofInvite,
    tokenHash: text(),
    role: text<Role>(),
    issuedBy: text<PrincipalId>(),
    now: text(),
    expiresAt: text(),
    since: text(),
    most: integer(),
  },
  sql: `INSERT INTO session_invites (space_id, invite_id, session_id, token_hash, role, state, issued_by, created_at,
      expires_at, redeemed_by, settled_at)
    SELECT s.space_id, :inviteId, s.session_id, :tokenHash, :role, 'pending', :issuedBy, :now, :expiresAt, NULL, NULL
    FROM sessions s WHERE s.space_id = :spaceId AND s.session_id = :sessionId AND s.state = 'active'
      AND (SELECT count(*) FROM session_invites i WHERE i.space_id = :spaceId AND i.session_id = :sessionId
        AND i.created_at > :since) < :most`,
});

export const revokeInvite = change({
  request: { ...ofInvite, now: text() },
  sql: `UPDATE session_invites SET state = 'revoked', settled_at = :now
    WHERE space_id = :spaceId AND session_id = :sessionId AND invite_id = :inviteId AND state = 'pending'`,
});

export const revokeInvitesOfSession = change({
  request: { ...ofSession, now: text() },
  sql: `UPDATE session_invites SET state = 'revoked', settled_at = :now
    WHERE space_id = :spaceId AND session_id = :sessionId AND state = 'pending'`,
});

export const revokeInvitesBy = change({
  request: { ...ofSession, issuedBy: text<PrincipalId>(), now: text() },
  sql: `UPDATE session_invites SET state = 'revoked', settled_at = :now
    WHERE space_id = :spaceId AND session_id = :sessionId AND issued_by = :issuedBy AND state = 'pending'`,
});

const presentedInvite = {
  ...pick(invites, "space_id", "invite_id", "session_id", "role", "state", "expires_at"),
  session_title: sessions.title,
  session_state: sessions.state,
};
export type InviteByToken = RowOf<typeof presentedInvite>;

/** By the secret: who holds it is of no space yet. */
export const inviteByToken = select({
  request: { tokenHash: text() },
  row: presentedInvite,
  sql: `SELECT i.space_id, i.invite_id, i.session_id, i.role, i.state, i.expires_at, s.title AS session_title,
      s.state AS session_state
    FROM session_invites i JOIN sessions s ON s.space_id = i.space_id AND s.session_id = i.session_id
    WHERE i.token_hash = :tokenHash`,
});

const room = {
  /** Members of the session that are not revoked. */
  participants: `(SELECT count(*) FROM session_memberships m
        WHERE m.space_id = :spaceId AND m.session_id = :sessionId AND m.state <> 'revoked')`,
  /** Slots of other nodes that are not revoked. */
  slots: `(SELECT count(*) FROM runtime_node_attachments a WHERE a.space_id = :spaceId AND a.session_id = :sessionId
        AND a.state <> 'revoked' AND a.node_id <> :nodeId)`,
};

/** `nodeId` of nobody, such as an empty one, counts all nodes. */
export const roomIn = select({
  request: { ...ofSession, nodeId: text() },
  row: { participants: integer(), slots: integer() },
  sql: `SELECT ${room.participants} AS participants, ${room.slots} AS slots FROM sessions s
    WHERE s.space_id = :spaceId AND s.session_id = :sessionId`,
});

/** The one change that spends an invite. It changes no row where anything that lets one in is not so any more. */
export const spendInvite = change({
  request: {
    ...ofInvite,
    nodeId: text(),
    redeemedBy: text<PrincipalId>(),
    now: text(),
    participantsMax: integer(),
    slotsMax: integer(),
  },
  sql: `UPDATE session_invites SET state = 'redeemed', redeemed_by = :redeemedBy, settled_at = :now
    WHERE space_id = :spaceId AND session_id = :sessionId AND invite_id = :inviteId AND state = 'pending'
      AND expires_at > :now AND EXISTS (SELECT s.session_id FROM sessions s
        WHERE s.space_id = :spaceId AND s.session_id = :sessionId AND s.state = 'active')
      AND ${room.participants} < :participantsMax AND ${room.slots} < :slotsMax`,
});
