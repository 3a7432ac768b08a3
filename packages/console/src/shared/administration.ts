// Answers about who may do what: sessions, members, invites, tokens. None of them comes by the feed, so all are asked for
// anew when the feed is live again (a changed membership ends it) and after every act; pages that show them ask every few
// seconds beside.
import type { FeedState } from "@muster/client";
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { useFeedState, useMuster } from "../application/muster.tsx";
import { notifyFailure } from "./failure.tsx";

/** The beginning of every key of these queries. */
export const ADMINISTRATION = "administration";
/** What another person changed is seen this soon by those who look at it. */
export const LOOKED_AT_EVERY_MS = 5_000;

const askAnew = (queries: QueryClient): Promise<void> => queries.invalidateQueries({ queryKey: [ADMINISTRATION] });

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
      void queries.invalidateQueries({ queryKey: [ADMINISTRATION, "sessions"] });
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
