// Invites: a link that lets one person, and the machine they sit at, into a session, once.
import { z } from "zod";
import { Role } from "./access.ts";
import { NodeId, PrincipalId, SessionId, SpaceId } from "./ids.ts";
import { procedure } from "./procedure.ts";
import { DeclaredCapabilities } from "./reads.ts";
import { namingText } from "./text.ts";

export const INVITE_HOURS_DEFAULT = 7 * 24;
export const INVITE_HOURS_MAX = 30 * 24;
/** Of one session. */
export const INVITES_PER_HOUR_MAX = 20;
/** Of one address, good and bad ones together. */
export const REDEMPTIONS_PER_MINUTE_MAX = 5;
export const DISPLAY_NAME_MAX_CHARACTERS = 100;
/** Where a link points; its token stands behind `#token=`, which browsers send to nobody. */
export const JOIN_PATH = "/join";

export const DisplayName = namingText
  .max(DISPLAY_NAME_MAX_CHARACTERS)
  .refine((value) => value.trim() !== "", "a name is not blank");

export const Invite = z.object({
  inviteId: z.string(),
  sessionId: SessionId,
  role: Role,
  /** `expired` is derived from the time. */
  state: z.enum(["pending", "redeemed", "revoked", "expired"]),
  issuedBy: PrincipalId,
  createdAt: z.string(),
  expiresAt: z.string(),
  redeemedBy: PrincipalId.nullable(),
  settledAt: z.string().nullable(),
});
export type Invite = z.infer<typeof Invite>;

/** 256 random bits in base64url; what does not look like one is refused before it is looked up. */
export const InviteToken = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, "an invite's token has 43 characters A-Z a-z 0-9 _ -");

/**
 * What a machine signs with its key to join: the hub enrols no key whose owner is not there. The token makes it good for
 * this invite alone.
 */
export const joinSigningInput = (fields: { token: string; nodeId: string }): string =>
  ["muster-join-1", fields.token, fields.nodeId].join("\0");

/** A machine that comes with its invite: enrolled under its key, with a slot in the session. */
export const JoiningNode = z.strictObject({
  nodeId: NodeId,
  /** Base64 of the 32 raw bytes of its Ed25519 key. */
  publicKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/, "a node's key is 32 bytes in base64"),
  /** Base64 of its Ed25519 signature of `joinSigningInput`. */
  signature: z.string().regex(/^[A-Za-z0-9+/]{86}==$/, "a signature is 64 bytes in base64"),
  clientVersion: namingText.min(1).max(64),
  capabilities: DeclaredCapabilities.default({}),
});
export type JoiningNode = z.infer<typeof JoiningNode>;

export const Redeemed = z.object({
  spaceId: SpaceId,
  sessionId: SessionId,
  sessionTitle: z.string(),
  principalId: PrincipalId,
  role: Role,
  /** Null for a browser. */
  token: z.string().nullable(),
});
export type Redeemed = z.infer<typeof Redeemed>;

const ofSession = z.strictObject({ sessionId: SessionId });
const tags = ["invites"];

export const inviteProcedures = {
  /** The link is told here and never again. Throws `rate_limited`. */
  create: procedure("invites.create")
    .route({ method: "POST", path: "/sessions/{sessionId}/invites", summary: "Make a link that lets one in", tags })
    .input(
      ofSession.extend({
        role: Role.default("runtime_contributor"),
        expiresInHours: z.int().min(1).max(INVITE_HOURS_MAX).default(INVITE_HOURS_DEFAULT),
      }),
    )
    .output(z.object({ invite: Invite, joinUrl: z.string() })),
  list: procedure("invites.list")
    .route({
      method: "GET",
      path: "/sessions/{sessionId}/invites",
      summary: "Invites of a session, newest first",
      tags,
    })
    .input(ofSession)
    .output(z.object({ invites: z.array(Invite) })),
  /** Throws `invite_not_found`, `invite_used`. */
  revoke: procedure("invites.revoke")
    .route({
      method: "POST",
      path: "/sessions/{sessionId}/invites/{inviteId}/revoke",
      summary: "Make a link worthless",
      tags,
    })
    .input(ofSession.extend({ inviteId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/) }))
    .output(Invite),
  /**
   * Makes a principal with the invite's role, a token for it, and where a node comes along its enrolment and slot, all in
   * one commit. With `browser` the token is a login cookie and is not told. Throws `invite_invalid`, `invite_used`,
   * `invite_expired`, `invite_revoked`, `session_archived`, `rate_limited`, `resource.limit_exceeded`, and for the node
   * `runtimenode.permission_denied` (not proven, or another's), `runtimenode.attach_conflict`, `runtimenode.attach_revoked`;
   * the invite stays good then.
   */
  redeem: procedure("invites.redeem")
    .route({ method: "POST", path: "/invites/redeem", summary: "Join by an invite, once", tags })
    .input(
      z
        .strictObject({
          token: InviteToken,
          displayName: DisplayName,
          node: JoiningNode.optional(),
          browser: z.boolean().default(false),
        })
        .refine(({ node, browser }) => node === undefined || !browser, "a browser brings no node"),
    )
    .output(Redeemed),
};
