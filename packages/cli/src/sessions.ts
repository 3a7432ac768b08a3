// Sessions and members by what a person gave, or the one that is obviously meant.
import type { PrincipalId, SessionId, SessionMember, SessionSummary } from "@muster/contracts";
import { refusal } from "./errors.ts";
import type { Hub } from "./hub.ts";
import { matchId } from "./ids.ts";
import { oneLine } from "./output/text.ts";

export const SESSION_OPTION = [
  "--session <id>",
  "session by id or title; your only one, else the default one when absent",
] as const;

/** The session with that id or title; without one the only one, else the space's default. */
export function chooseSession(sessions: readonly SessionSummary[], given: string | undefined): SessionSummary {
  if (given !== undefined) {
    const choices = sessions.map((session) => ({ ...session, id: session.sessionId }));
    return matchId({ given, noun: "session", named: "title", missing: "session_not_found" }, choices);
  }
  const [only] = sessions.length === 1 ? sessions : sessions.filter(({ isDefault }) => isDefault);
  if (only !== undefined) return only;
  if (sessions.length === 0)
    throw refusal("session_not_found", "You belong to no session.", "Ask an owner for an invite.");
  throw refusal(
    "validation_failed",
    `You belong to ${sessions.length} sessions.`,
    "Name one with --session; `muster session list` shows them.",
    { sessions: sessions.map(({ sessionId }) => sessionId) },
  );
}

export async function findSession(hub: Hub, given: string | undefined): Promise<SessionSummary> {
  return chooseSession((await hub.api.sessions.list()).sessions, given);
}

/** The id that a title or a part of an id means; null where none is given. */
export const sessionIdOf = async (hub: Hub, given: string | undefined): Promise<SessionId | null> =>
  given === undefined ? null : (await findSession(hub, given)).sessionId;

/** The member with that id or name. */
export function chooseMember(members: readonly SessionMember[], given: string): SessionMember {
  const choices = members.map((member) => ({ ...member, id: member.participantId, title: member.displayName }));
  return matchId({ given, noun: "member", named: "name", missing: "member_not_found" }, choices);
}

/** How people are called in answers: by name, else by id. */
export const nameOfPrincipal = (members: readonly SessionMember[], id: PrincipalId): string =>
  oneLine(members.find(({ participantId }) => participantId === id)?.displayName ?? id);
