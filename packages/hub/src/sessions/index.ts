// The door of sessions/: shared pieces of work, who belongs to them, and the links that let others in.
export { createInvites } from "./invites.ts";
export type { SessionsOptions } from "./options.ts";
export { createSessions } from "./sessions.ts";
