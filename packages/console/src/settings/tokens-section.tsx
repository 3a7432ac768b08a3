// Tokens of the API and browser logins: one's own, and for owners of the default session everyone's. A secret is shown in
// the moment it is made and never again.
import { Button } from "@mantine/core";
import type { TokenSummary } from "@muster/contracts";
import { IconBrowser, IconKey } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { useLogOut, useMe } from "../application/session.tsx";
import { may } from "../sessions/may.ts";
import { useSessions } from "../sessions/use-sessions.ts";
import { askedEvery, LOOKED_AT_EVERY_MS, useAct } from "../shared/administration.ts";
import { ADMINISTRATION } from "../shared/ask-anew.ts";
import { useConfirm } from "../shared/confirm.tsx";
import { FailureNotice, notifyFailure } from "../shared/failure.tsx";
import page from "../shared/page.module.css";
import { LoadingRows, Section, Tag } from "../shared/page.tsx";
import { RelativeTime, untilText, useNow } from "../shared/time.tsx";
import { NewTokenDialog } from "./new-token-dialog.tsx";
import { isGood, SCOPE_TEXT } from "./tokens.ts";

export function TokensSection() {
  const { client } = useMuster();
  const sessions = useSessions();
  const [isMaking, setIsMaking] = useState(false);
  const [isAllWanted, setIsAllWanted] = useState(false);
  const now = useNow(60_000);
  const mayReadAll = may("audit.list", sessions?.find(({ isDefault }) => isDefault)?.role);
  const all = isAllWanted && mayReadAll;
  const { data, error, refetch } = useQuery({
    queryKey: [ADMINISTRATION, "tokens", all],
    queryFn: async ({ signal }) => (await client.api.tokens.list({ all }, { signal })).tokens,
    refetchInterval: askedEvery(2 * LOOKED_AT_EVERY_MS),
  });
  const good = (data ?? []).filter((token) => isGood(token, now));
  return (
    <>
      <Section
        title="Tokens and logins"
        action={
          <div style={{ display: "flex", flexWrap: "wrap", alignItems: "center", gap: 8 }}>
            {mayReadAll && (
              <Button
                size="xs"
                variant={all ? "light" : "default"}
                aria-pressed={all}
                onClick={() => setIsAllWanted(!all)}
              >
                Everyone&rsquo;s
              </Button>
            )}
            <Button size="xs" onClick={() => setIsMaking(true)}>
              New token
            </Button>
          </div>
        }
      >
        {data === undefined ? (
          error === null ? (
            <LoadingRows label="Loading the tokens" />
          ) : (
            <FailureNotice error={error} onRetry={() => void refetch()} />
          )
        ) : good.length === 0 ? (
          <p className={page["nothing"]}>No token is good now.</p>
        ) : (
          <ul className={page["list"]}>
            {good.map((token) => (
              <Line key={token.tokenId} token={token} withName={all} now={now} />
            ))}
          </ul>
        )}
      </Section>
      <NewTokenDialog isOpen={isMaking} onClose={() => setIsMaking(false)} />
    </>
  );
}

function Line({ token, withName, now }: { token: TokenSummary; withName: boolean; now: number }) {
  const { client } = useMuster();
  const me = useMe();
  const logOut = useLogOut();
  const { act, isActing } = useAct();
  const confirm = useConfirm();
  const { tokenId, kind, label, scope, createdAt, lastUsedAt, expiresAt, isCurrent, displayName, principalId } = token;
  const isLogin = kind === "browser";
  // Logins have no names of their own.
  const name = isLogin ? "Browser login" : label;
  const revoke = async (): Promise<void> => {
    const isSure = await confirm({
      title: isLogin ? "End this login?" : `Revoke “${name}”?`,
      text: isCurrent
        ? "It is the login of this browser: you are logged out at once."
        : isLogin
          ? "That browser is logged out at once."
          : "Whatever uses it is refused at once. This can't be taken back.",
      action: isLogin ? "End the login" : "Revoke the token",
      isDangerous: true,
    });
    if (!isSure) return;
    if (isCurrent) await logOut().catch(notifyFailure);
    else await act(() => client.api.tokens.revoke({ tokenId }));
  };
  const Icon = isLogin ? IconBrowser : IconKey;
  return (
    <li className={page["item"]} data-testid="token" data-kind={kind}>
      <Icon size={19} stroke={1.6} aria-hidden="true" color="var(--text-muted)" />
      <span className={page["what"]}>
        <span className={page["name"]}>
          {name}
          {withName && principalId !== me.principalId && ` of ${displayName}`}
        </span>
        <span className={page["detail"]}>
          Made <RelativeTime at={createdAt} everyMs={60_000} />
          {lastUsedAt !== null && (
            <>
              , last used <RelativeTime at={lastUsedAt} everyMs={60_000} />
            </>
          )}
          {expiresAt === null ? ", never expires" : `, expires in ${untilText(new Date(expiresAt).getTime() - now)}`}
        </span>
      </span>
      <span className={page["acts"]}>
        {isCurrent && <Tag tone="good">This browser</Tag>}
        {kind === "api" && <Tag>{SCOPE_TEXT[scope]}</Tag>}
        <Button
          size="xs"
          variant="default"
          loading={isActing}
          aria-label={`${isLogin ? "End the login of" : "Revoke"} ${name}`}
          onClick={() => void revoke()}
        >
          {isLogin ? "End" : "Revoke"}
        </Button>
      </span>
    </li>
  );
}
