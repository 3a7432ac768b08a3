// Answers about who may do what: sessions, members, invites, tokens. None of them comes by the feed, so all are asked for
// anew when the feed is live again (a changed membership ends it) and after every act; pages that show them ask every few
// seconds beside.
import { type FeedState, toMusterError } from "@muster/client";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { useFeedState, useMuster } from "../application/muster.tsx";
import { askAnew, SESSIONS_KEY } from "./ask-anew.ts";
import { notifyFailure } from "./failure.tsx";

/** What another person changed is seen this soon by those who look at it. */
export const LOOKED_AT_EVERY_MS = 5_000;

const REFUSED: readonly number[] = [401, 403, 404];

/** Until the hub says that there is nothing to see, or nobody who may: that changes with the feed, which asks anew. */
export const askedEvery =
  (milliseconds: number) =>
  ({ state }: { readonly state: { readonly error: Error | null } }): number | false =>
    state.error !== null && REFUSED.includes(toMusterError(state.error).row.status) ? false : milliseconds;

/** Floors and memberships of others change what machines and people may; nothing tells of that by itself. */
const ASK_EVERY_MS = 20_000;

/** Once per page: asks anew whenever the feed has become live again, and now and then while the page is looked at. */
export function useFreshAdministration(): void {
  const queries = useQueryClient();
  const { feed } = useMuster();
  const { status } = useFeedState();
  const before = useRef<FeedState["status"]>("connecting");
  useEffect(() => {
    if (status === "live" && before.current !== "live") void askAnew(queries);
    before.current = status;
  }, [status, queries]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState !== "visible") return;
      void queries.invalidateQueries({ queryKey: SESSIONS_KEY });
      void feed.reloadNodes().catch(() => {});
    }, ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [queries, feed]);
}

export interface Acting {
  /** Resolves with what the hub answered, or null after its refusal was shown to the person. */
  readonly act: <Answer>(work: () => Promise<Answer>) => Promise<{ readonly answer: Answer } | null>;
  readonly isActing: boolean;
}

/** Does one administrative thing; afterwards everything it may have changed is asked for anew. */
export function useAct(): Acting {
  const queries = useQueryClient();
  const { feed } = useMuster();
  const [acting, setActing] = useState(0);
  const act = useCallback(
    async <Answer>(work: () => Promise<Answer>): Promise<{ readonly answer: Answer } | null> => {
      setActing((count) => count + 1);
      try {
        return { answer: await work() };
      } catch (error) {
        notifyFailure(error);
        return null;
      } finally {
        setActing((count) => count - 1);
        void feed.reloadNodes().catch(() => {});
        void askAnew(queries);
      }
    },
    [queries, feed],
  );
  return { act, isActing: acting > 0 };
}
