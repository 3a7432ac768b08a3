// Administrative acts in words; one that this page does not know is told by its name. Ids of what the page knows are told
// by their names, times as people read them. Pure.
import type { AuditEntry, NodeSummary, SessionSummary } from "@muster/contracts";
import { nodeName } from "../threads/thread-choices.ts";

const WORDS: Readonly<Record<string, string>> = {
  "space.created": "made this hub's space",
  "cli-token.created": "made the command line's token",
  "login-link.created": "made a login link",
  "login-link.redeemed": "logged in with a link",
  logout: "logged out",
  "session.created": "opened a session",
  "session.updated": "renamed a session",
  "session.archived": "archived a session",
  "session.reopened": "reopened a session",
  "session.closed": "closed a session",
  "session.floor-set": "set the version floor",
  "session.floor-lowered": "lowered the version floor",
  "member.changed": "changed a member",
  "member.left": "left a session",
  "invite.created": "made an invite",
  "invite.revoked": "revoked an invite",
  "invite.redeemed": "joined by an invite",
  "token.created": "made a token",
  "token.revoked": "revoked a token",
  "node.enrolled": "enrolled a machine",
  "node.owner-changed": "took over a machine",
  "node.attached": "attached a machine",
  "node.detached": "detached a machine",
  "node.released": "released the slot of a machine that stayed away",
  "node.revoked": "revoked a machine",
};

export const actText = (action: string): string => WORDS[action] ?? action;

/** Ids of sessions, machines and whoever acted, with what each is called. */
export const namesOf = (
  entries: readonly AuditEntry[],
  sessions: readonly SessionSummary[],
  nodes: readonly NodeSummary[],
): ReadonlyMap<string, string> =>
  new Map([
    ...entries.flatMap(({ actorId, actorName }): [string, string][] =>
      actorName === null ? [] : [[actorId, actorName]],
    ),
    ...nodes.map((node): [string, string] => [node.nodeId, nodeName(node)]),
    ...sessions.map(({ sessionId, title }): [string, string] => [sessionId, title]),
  ]);

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Of one detail: what it is and what it says. `isCode`: it is no text of people. */
export function detailOf(
  [name, value]: readonly [string, string],
  names: ReadonlyMap<string, string>,
): { readonly what: string; readonly text: string; readonly isCode: boolean } {
  const what = name === "expiresAt" ? "expires" : name;
  if (TIME.test(value)) return { what, text: new Date(value).toLocaleString(), isCode: false };
  const known = names.get(value);
  return { what, text: known ?? value, isCode: known === undefined };
}
