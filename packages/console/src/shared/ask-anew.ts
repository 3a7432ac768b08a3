// The keys of what is asked about who may do what, and how all of it is asked for anew.
import { notifyManager, type QueryClient } from "@tanstack/react-query";

/** The beginning of every key of these queries. */
export const ADMINISTRATION = "administration";
/** Of all of it: the sessions with the person's own roles. */
export const SESSIONS_KEY = [ADMINISTRATION, "sessions"] as const;

/**
 * Roles first. What else is asked about follows from them: once the page was drawn with a role that is gone, nothing asks
 * any more for what only that role may read.
 */
export async function askAnew(queries: QueryClient): Promise<void> {
  await queries.invalidateQueries({ queryKey: SESSIONS_KEY });
  notifyManager.schedule(
    () =>
      void queries.invalidateQueries({
        queryKey: [ADMINISTRATION],
        predicate: ({ queryKey }) => queryKey[1] !== SESSIONS_KEY[1],
      }),
  );
}
