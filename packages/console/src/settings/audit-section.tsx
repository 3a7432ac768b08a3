// Administrative acts, newest first, in pages.
import { Button } from "@mantine/core";
import type { AuditEntry } from "@muster/contracts";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useMuster, useNodes } from "../application/muster.tsx";
import { useSessions } from "../sessions/use-sessions.ts";
import { ADMINISTRATION } from "../shared/ask-anew.ts";
import { FailureNotice } from "../shared/failure.tsx";
import page from "../shared/page.module.css";
import { LoadingRows, Section } from "../shared/page.tsx";
import { actText, detailOf, namesOf } from "./acts.ts";
import classes from "./audit-section.module.css";

const PAGE_ENTRIES = 50;

export function AuditSection() {
  const { client } = useMuster();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage, isFetching } = useInfiniteQuery({
    queryKey: [ADMINISTRATION, "audit"],
    queryFn: async ({ signal, pageParam }) =>
      (
        await client.api.audit.list(
          { limit: PAGE_ENTRIES, ...(pageParam === null ? {} : { before: pageParam }) },
          { signal },
        )
      ).entries,
    initialPageParam: null as string | null,
    getNextPageParam: (last) => (last.length < PAGE_ENTRIES ? null : (last.at(-1)?.auditId ?? null)),
  });
  const sessions = useSessions();
  const nodes = useNodes();
  const entries = useMemo(() => data?.pages.flat() ?? [], [data]);
  const names = useMemo(() => namesOf(entries, sessions ?? [], nodes ?? []), [entries, sessions, nodes]);
  return (
    <Section
      title="Audit log"
      action={
        <Button size="xs" variant="default" loading={isFetching && !isFetchingNextPage} onClick={() => void refetch()}>
          Look again
        </Button>
      }
    >
      {data === undefined ? (
        error === null ? (
          <LoadingRows label="Loading the audit log" />
        ) : (
          <FailureNotice error={error} onRetry={() => void refetch()} />
        )
      ) : entries.length === 0 ? (
        <p className={page["nothing"]}>Nothing was recorded yet.</p>
      ) : (
        <ol className={page["list"]}>
          {entries.map((entry) => (
            <Line key={entry.auditId} entry={entry} names={names} />
          ))}
        </ol>
      )}
      {hasNextPage && (
        <div className={classes["more"]}>
          <Button size="xs" variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Show older ones
          </Button>
        </div>
      )}
    </Section>
  );
}

function Line({
  entry: { at, actorId, actorName, action, subject, details },
  names,
}: {
  entry: AuditEntry;
  names: ReadonlyMap<string, string>;
}) {
  return (
    <li className={classes["line"]} data-testid="audit-entry" data-action={action}>
      <time dateTime={at} className={classes["time"]}>
        {new Date(at).toLocaleString()}
      </time>
      <span className={classes["what"]}>
        <span className={classes["act"]}>
          <strong>{actorName ?? actorId}</strong> {actText(action)}
        </span>
        <span className={classes["details"]}>
          <span className={names.has(subject) ? "" : "mono"} title={subject}>
            {names.get(subject) ?? subject}
          </span>
          {Object.entries(details).map((detail) => {
            const { what, text, isCode } = detailOf(detail, names);
            return (
              <span key={what} title={detail[1]}>
                {what} <span className={isCode ? "mono" : ""}>{text}</span>
              </span>
            );
          })}
        </span>
      </span>
    </li>
  );
}
