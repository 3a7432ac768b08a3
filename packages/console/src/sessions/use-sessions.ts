// The sessions of whoever is logged in, with their role in each. Kept by the page as long as it is open.
import type { MusterClient } from "@muster/client";
import type { Role, SessionId, SessionSummary } from "@muster/contracts";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useMuster } from "../application/muster.tsx";
import { askedEvery, LOOKED_AT_EVERY_MS } from "../shared/administration.ts";
import { ADMINISTRATION, SESSIONS_KEY } from "../shared/ask-anew.ts";

export const sessionsQuery = ({ api }: MusterClient) =>
  queryOptions({
    queryKey: SESSIONS_KEY,
    queryFn: async ({ signal }) => (await api.sessions.list(undefined, { signal })).sessions,
    staleTime: LOOKED_AT_EVERY_MS,
  });

export const membersQuery = ({ api }: MusterClient, sessionId: SessionId) =>
  queryOptions({
    queryKey: [ADMINISTRATION, "members", sessionId],
    queryFn: async ({ signal }) => (await api.sessions.members({ sessionId }, { signal })).members,
    refetchInterval: askedEvery(LOOKED_AT_EVERY_MS),
  });

/** null until they are known. */
export function useSessions(): readonly SessionSummary[] | null {
  const { client } = useMuster();
  return useQuery(sessionsQuery(client)).data ?? null;
}

export const sessionOf = (
  sessions: readonly SessionSummary[] | null,
  sessionId: SessionId | undefined,
): SessionSummary | undefined => sessions?.find((session) => session.sessionId === sessionId);

/** The caller's; null where they hold none, or where it is not known yet. */
export const roleIn = (sessions: readonly SessionSummary[] | null, sessionId: SessionId | undefined): Role | null =>
  sessionOf(sessions, sessionId)?.role ?? null;
