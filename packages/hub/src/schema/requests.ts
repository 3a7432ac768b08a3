// What most statements ask for.
import type { SessionId, SpaceId, ThreadId, TurnId } from "@muster/contracts";
import { list, text } from "@muster/store";

/** Sessions that one statement looks into: all that a principal is a member of. */
export const SESSIONS_MAX = 10_000;

export const ofSpace = { spaceId: text<SpaceId>() } as const;
export const ofThread = { ...ofSpace, threadId: text<ThreadId>() } as const;
export const ofTurn = { ...ofThread, turnId: text<TurnId>() } as const;
/** Of any of these sessions: `IN (:sessionIds)`. */
export const ofSessions = { ...ofSpace, sessionIds: list(text<SessionId>(), SESSIONS_MAX) } as const;
