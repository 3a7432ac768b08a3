// Sessions and who belongs to them: a shared piece of work with members, a floor for the versions of its nodes, and a state.
import { z } from "zod";
import { MembershipState, PrincipalKind, Role } from "./access.ts";
import { NodeId, PrincipalId, SessionId } from "./ids.ts";
import { procedure } from "./procedure.ts";
import { namingText } from "./text.ts";

export const SESSION_TITLE_MAX_CHARACTERS = 200;
/** Members that are not revoked. */
export const SESSION_PARTICIPANTS_MAX = 200;
/** Sessions that one principal is a member of, when it opens another. */
export const SESSIONS_OF_PRINCIPAL_MAX = 200;
/** Slots that are not revoked. */
export const SESSION_NODES_MAX = 500;

export const SessionTitle = namingText
  .max(SESSION_TITLE_MAX_CHARACTERS)
  .refine((value) => value.trim() !== "", "a title is not blank");

/** "MAJOR.MINOR", compared as numbers: "1.10" is above "1.9". */
export const VersionFloor = z.string().regex(/^\d{1,6}\.\d{1,6}$/, 'a version floor is "MAJOR.MINOR", such as "1.4"');
export type VersionFloor = z.infer<typeof VersionFloor>;

/** Archived: everything can be read and nothing begins. Closed: it is gone for everyone but the log. */
export const SessionState = z.enum(["active", "archived", "closed"]);
export type SessionState = z.infer<typeof SessionState>;

export const SessionSummary = z.object({
  sessionId: SessionId,
  title: z.string(),
  state: SessionState,
  /** Nodes below it may only look. */
  minClientVersion: VersionFloor.nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  /** The caller's. */
  role: Role,
  isDefault: z.boolean(),
  /** Active members. */
  memberCount: z.int().min(0),
  /** Slots that are registering, online or degraded. */
  nodeCount: z.int().min(0),
});
export type SessionSummary = z.infer<typeof SessionSummary>;

export const SessionMember = z.object({
  participantId: PrincipalId,
  kind: PrincipalKind,
  displayName: z.string(),
  role: Role,
  state: MembershipState,
  joinedAt: z.string(),
  updatedAt: z.string(),
  /** Own nodes with a slot in this session that is not revoked. */
  nodeIds: z.array(NodeId),
});
export type SessionMember = z.infer<typeof SessionMember>;

const ofSession = z.strictObject({ sessionId: SessionId });
const tags = ["sessions"];

export const sessionProcedures = {
  list: procedure("sessions.list")
    .route({ method: "GET", path: "/sessions", summary: "Sessions that the caller is a member of", tags })
    .output(z.object({ sessions: z.array(SessionSummary) })),
  create: procedure("sessions.create")
    .route({ method: "POST", path: "/sessions", summary: "Open a session; its creator owns it", tags })
    .input(z.strictObject({ title: SessionTitle }))
    .output(SessionSummary),
  get: procedure("sessions.get")
    .route({ method: "GET", path: "/sessions/{sessionId}", summary: "One session", tags })
    .input(ofSession)
    .output(SessionSummary),
  /** Closing the default session is refused. */
  update: procedure("sessions.update")
    .route({ method: "POST", path: "/sessions/{sessionId}", summary: "Rename, archive, reopen or close", tags })
    .input(ofSession.extend({ title: SessionTitle.optional(), state: SessionState.optional() }))
    .output(SessionSummary),
  /** Null lets every version in. A floor that falls needs `lower`, and is recorded. Throws `session_floor_lowered`. */
  setFloor: procedure("sessions.setFloor")
    .route({ method: "POST", path: "/sessions/{sessionId}/floor", summary: "Set the least version of nodes", tags })
    .input(ofSession.extend({ minClientVersion: VersionFloor.nullable(), lower: z.boolean().default(false) }))
    .output(SessionSummary),
  members: procedure("sessions.members")
    .route({ method: "GET", path: "/sessions/{sessionId}/members", summary: "Who belongs to a session", tags })
    .input(ofSession)
    .output(z.object({ members: z.array(SessionMember) })),
  /** Throws `member_not_found`, `last_owner`, and `member_is_service` where the command line would lose its role. */
  setMember: procedure("sessions.setMember")
    .route({
      method: "POST",
      path: "/sessions/{sessionId}/members/{participantId}",
      summary: "Change a member's role, suspend or revoke it, or take it in again",
      tags,
    })
    .input(
      ofSession.extend({
        participantId: PrincipalId,
        role: Role.optional(),
        state: z.enum(["active", "suspended", "revoked"]).optional(),
      }),
    )
    .output(SessionMember),
  /** Throws `last_owner`, `member_is_service`. */
  leave: procedure("sessions.leave")
    .route({ method: "POST", path: "/sessions/{sessionId}/leave", summary: "Leave a session", tags })
    .input(ofSession)
    .output(z.object({ left: z.literal(true) })),
};
