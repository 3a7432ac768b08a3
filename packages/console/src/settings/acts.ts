// Administrative acts in words; one that this page does not know is told by its name. Pure.

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
