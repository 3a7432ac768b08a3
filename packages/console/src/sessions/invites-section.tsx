// Invites of a session: which wait, which were used, which ended. Links themselves are never shown again.
import { Button } from "@mantine/core";
import type { Invite, SessionSummary } from "@muster/contracts";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { askedEvery, LOOKED_AT_EVERY_MS, useAct } from "../shared/administration.ts";
import { ADMINISTRATION } from "../shared/ask-anew.ts";
import { useConfirm } from "../shared/confirm.tsx";
import { FailureNotice } from "../shared/failure.tsx";
import page from "../shared/page.module.css";
import { LoadingRows, Section, Tag, type Tone } from "../shared/page.tsx";
import { RelativeTime, untilText, useNow } from "../shared/time.tsx";
import { ROLE_TEXT } from "./may.ts";
import { membersQuery } from "./use-sessions.ts";

/** Those that ended are history; a few are enough. */
const ENDED_SHOWN = 5;

const STATE: Readonly<Record<Invite["state"], { readonly text: string; readonly tone: Tone }>> = {
  pending: { text: "Waits", tone: "good" },
  redeemed: { text: "Used", tone: "plain" },
  expired: { text: "Expired", tone: "plain" },
  revoked: { text: "Revoked", tone: "plain" },
};

export function InvitesSection({ session }: { session: SessionSummary }) {
  const { client } = useMuster();
  const { sessionId } = session;
  const [isAllShown, setIsAllShown] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: [ADMINISTRATION, "invites", sessionId],
    queryFn: async ({ signal }) => (await client.api.invites.list({ sessionId }, { signal })).invites,
    refetchInterval: askedEvery(LOOKED_AT_EVERY_MS),
  });
  const members = useQuery(membersQuery(client, sessionId));
  const waiting = (data ?? []).filter(({ state }) => state === "pending");
  const ended = (data ?? []).filter(({ state }) => state !== "pending");
  const shown = [...waiting, ...(isAllShown ? ended : ended.slice(0, ENDED_SHOWN))];
  const nameOf = (participantId: string | null): string | null =>
    members.data?.find((member) => member.participantId === participantId)?.displayName ?? null;
  return (
    <Section
      title="Invites"
      action={
        !isAllShown &&
        ended.length > ENDED_SHOWN && (
          <Button size="xs" variant="default" onClick={() => setIsAllShown(true)}>
            Show all {waiting.length + ended.length}
          </Button>
        )
      }
    >
      {data === undefined ? (
        error === null ? (
          <LoadingRows label="Loading the invites" />
        ) : (
          <FailureNotice error={error} onRetry={() => void refetch()} />
        )
      ) : shown.length === 0 ? (
        <p className={page["nothing"]}>Nobody was invited yet.</p>
      ) : (
        <ul className={page["list"]}>
          {shown.map((invite) => (
            <Line
              key={invite.inviteId}
              invite={invite}
              issuer={nameOf(invite.issuedBy)}
              redeemer={nameOf(invite.redeemedBy)}
            />
          ))}
        </ul>
      )}
    </Section>
  );
}

function Line({ invite, issuer, redeemer }: { invite: Invite; issuer: string | null; redeemer: string | null }) {
  const { client } = useMuster();
  const { act, isActing } = useAct();
  const confirm = useConfirm();
  const { inviteId, sessionId, role, state, createdAt } = invite;
  const revoke = async (): Promise<void> => {
    const isSure = await confirm({
      title: "Revoke this invite?",
      text: "Its link becomes worthless at once, whoever has it.",
      action: "Revoke the invite",
      isDangerous: true,
    });
    if (isSure) await act(() => client.api.invites.revoke({ sessionId, inviteId }));
  };
  return (
    <li className={page["item"]} data-testid="invite" data-state={state}>
      <span className={page["what"]}>
        <span className={page["name"]}>{ROLE_TEXT[role]}</span>
        <span className={page["detail"]}>
          Made <RelativeTime at={createdAt} />
          {issuer !== null && ` by ${issuer}`}
          <Fate invite={invite} redeemer={redeemer} />
        </span>
      </span>
      <span className={page["acts"]}>
        <Tag tone={STATE[state].tone}>{STATE[state].text}</Tag>
        {state === "pending" && (
          <Button size="xs" variant="default" loading={isActing} onClick={() => void revoke()}>
            Revoke
          </Button>
        )}
      </span>
    </li>
  );
}

function Fate({ invite: { state, expiresAt, settledAt }, redeemer }: { invite: Invite; redeemer: string | null }) {
  const now = useNow(30_000);
  if (state === "pending") return <>, expires in {untilText(new Date(expiresAt).getTime() - now)}</>;
  if (settledAt === null) return null;
  return (
    <>
      , {state === "redeemed" ? "used" : state} <RelativeTime at={settledAt} />
      {redeemer !== null && ` by ${redeemer}`}
    </>
  );
}
