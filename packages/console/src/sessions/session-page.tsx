// One session: who belongs to it and with which role, the invites to it, the version floor of its machines, and what can
// be done with it as a whole. What the person may not do is not offered.
import { Skeleton } from "@mantine/core";
import type { SessionId, SessionSummary } from "@muster/contracts";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { LOOKED_AT_EVERY_MS } from "../shared/administration.ts";
import { FailureNotice } from "../shared/failure.tsx";
import { NotFound } from "../shared/not-found.tsx";
import page from "../shared/page.module.css";
import { LoadingRows, PageHead, Tag } from "../shared/page.tsx";
import { FloorSection } from "./floor-section.tsx";
import { InvitesSection } from "./invites-section.tsx";
import { A_ROLE_TEXT, may } from "./may.ts";
import { MembersSection } from "./members-section.tsx";
import { SessionMenu } from "./session-menu.tsx";
import { sessionOf, sessionsQuery } from "./use-sessions.ts";

export function SessionPage({ sessionId }: { sessionId: string }) {
  const { client } = useMuster();
  const { data, error, refetch } = useQuery({ ...sessionsQuery(client), refetchInterval: LOOKED_AT_EVERY_MS });
  if (data === undefined) {
    if (error !== null) return <FailureNotice error={error} onRetry={() => void refetch()} />;
    return (
      <div className={page["page"]} role="status" aria-label="Loading the session">
        <Skeleton height={22} width={220} radius="xl" />
        <Skeleton height={200} radius="lg" mt="xl" />
      </div>
    );
  }
  const session = sessionOf(data, sessionId as SessionId);
  return session === undefined ? <NotFound what="session" /> : <Ready session={session} />;
}

function Ready({ session }: { session: SessionSummary }) {
  const { title, role, state, isDefault } = session;
  // While the person parts from the session nothing more is asked about it: each answer would be that there is none.
  const [isParting, setIsParting] = useState(false);
  return (
    <div className={page["page"]} data-testid="session-page" data-role={role}>
      <PageHead title={title} lead={`You are ${A_ROLE_TEXT[role]} here.`}>
        <div style={{ display: "flex", alignItems: "center", gap: 10 }}>
          {isDefault && <Tag>Default</Tag>}
          {state === "archived" && <Tag tone="warning">Archived</Tag>}
          <SessionMenu session={session} onParting={setIsParting} />
        </div>
      </PageHead>
      {isParting ? (
        <LoadingRows label="Parting from the session" />
      ) : (
        <>
          <MembersSection session={session} />
          {may("invites.list", role) && <InvitesSection session={session} />}
          <FloorSection key={session.minClientVersion} session={session} />
        </>
      )}
    </div>
  );
}
