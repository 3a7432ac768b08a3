// What most statements ask for.
import type { SpaceId, ThreadId, TurnId } from "@muster/contracts";
import { text } from "@muster/store";

export const ofSpace = { spaceId: text<SpaceId>() } as const;
export const ofThread = { ...ofSpace, threadId: text<ThreadId>() } as const;
export const ofTurn = { ...ofThread, turnId: text<TurnId>() } as const;
