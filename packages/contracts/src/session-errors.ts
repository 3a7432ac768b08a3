// Rows of the error table about sessions, their members, invites and tokens.
import { type ErrorRow, row } from "./error-row.ts";

export const SESSION_ERRORS = {
  session_not_found: row(404, false, 3, "There is no such session.", "List the sessions with `muster session list`."),
  session_default: row(
    409,
    false,
    3,
    "The space's default session stays open.",
    "Work that needs an end of its own belongs into a session of its own: `muster session new`.",
  ),
  session_archived: row(
    409,
    false,
    3,
    "The session is archived: everything can be read, and nothing begins.",
    "An owner can open it again: `muster session reopen`.",
  ),
  session_floor_lowered: row(
    409,
    false,
    3,
    "The version floor would fall.",
    "Older machines would write again; if that is wanted, say so with --lower.",
  ),
  member_not_found: row(
    404,
    false,
    3,
    "There is no such member in that session.",
    "List the members with `muster session members`.",
  ),
  last_owner: row(
    409,
    false,
    3,
    "The session would be left without an active owner.",
    "Make another member an owner first.",
  ),
  member_is_service: row(
    409,
    false,
    3,
    "The command line stays an owner of this session.",
    "Whoever can run `muster` on the hub's machine owns the hub; to keep somebody out, change a person's membership.",
  ),
  invite_not_found: row(404, false, 3, "There is no such invite.", "List the invites with `muster invite list`."),
  invite_invalid: row(
    401,
    false,
    5,
    "The invite was never issued by this hub.",
    "Copy the whole link, or ask for a new one: `muster invite`.",
  ),
  invite_used: row(
    409,
    false,
    5,
    "The invite was used before, and each lets in one machine.",
    "Ask for a new one: `muster invite`.",
  ),
  invite_expired: row(409, false, 5, "The invite has expired.", "Ask for a new one: `muster invite`."),
  invite_revoked: row(409, false, 5, "The invite was revoked.", "Ask for a new one: `muster invite`."),
  token_not_found: row(404, false, 3, "There is no such token.", "List the tokens with `muster token list`."),
} as const satisfies Record<string, ErrorRow>;
