// The way in by an invite: asks for a name, redeems the invite once, and is then logged in. A link also serves a machine;
// which of the two it is for, the person decides before it is used.
import { Alert, Button, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { isAbort, type MusterClient, toMusterError } from "@muster/client";
import { DISPLAY_NAME_MAX_CHARACTERS, JOIN_PATH, type Me } from "@muster/contracts";
import { IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { ME_KEY, meQuery } from "../application/session.tsx";
import { joinCommand } from "../invites/link.ts";
import frame from "../login/login-page.module.css";
import { ADMINISTRATION } from "../shared/ask-anew.ts";
import { CopyLine } from "../shared/page.tsx";
import { Logo } from "../shell/logo.tsx";
import { type Refusal, refusalOf } from "./join-words.ts";

const LOST: Refusal = {
  title: "This address has no invite in it",
  text: "Open the whole link again, as it was sent to you. It is taken out of the address as soon as the page is open.",
  isWorthAnotherTry: false,
};

export interface JoinPageProps {
  /** Null: the page was loaded again, or the link was cut. */
  readonly token: string | null;
  readonly onDone: () => void;
}

export function JoinPage({ token, onDone }: JoinPageProps) {
  const { client } = useMuster();
  const queries = useQueryClient();
  const { data: before = null } = useQuery(meQuery(client));
  const [name, setName] = useState("");
  const [refusal, setRefusal] = useState<Refusal | null>(token === null ? LOST : null);
  const [isJoining, setIsJoining] = useState(false);

  const join = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (name.trim() === "" || token === null || isJoining) return;
    setIsJoining(true);
    setRefusal(null);
    try {
      const { me, sessionTitle } = await redeem(client, { token, displayName: name.trim(), before });
      // Nothing that was read for the one who was logged in before may stay in sight.
      if (before !== null) return window.location.replace("/");
      queries.removeQueries({ queryKey: [ADMINISTRATION] });
      queries.setQueryData(ME_KEY, me);
      notifications.show({
        color: "accent",
        title: sessionTitle === null ? "You have joined" : `You have joined “${sessionTitle}”`,
        message: `You are logged in as ${me.displayName}.`,
        closeButtonProps: { "aria-label": "Dismiss" },
      });
      onDone();
    } catch (error) {
      if (!isAbort(error)) setRefusal(refusalOf(toMusterError(error)));
    } finally {
      setIsJoining(false);
    }
  };

  const canJoin = token !== null && (refusal === null || refusal.isWorthAnotherTry);
  return (
    <main className={frame["page"]} data-testid="join-page">
      <Paper withBorder radius="lg" p={{ base: "lg", xs: "xl" }} className={frame["card"]}>
        <Logo size={40} />
        <Stack gap="md" w="100%">
          <div>
            <Title order={1} size="h2">
              {canJoin ? "Join on Muster" : "You were not let in"}
            </Title>
            {canJoin && (
              <Text c="dimmed" mt={4}>
                You were invited to work with others and their agents. The invite works once.
              </Text>
            )}
          </div>
          {refusal !== null && (
            <Alert
              color="red"
              variant="light"
              icon={<IconAlertTriangle size={18} />}
              title={refusal.title}
              role="alert"
            >
              {refusal.text}
            </Alert>
          )}
          {canJoin && before !== null && (
            <Alert color="yellow" variant="light" icon={<IconInfoCircle size={18} />}>
              This browser is logged in as {before.displayName}. Joining replaces that login by a new one.
            </Alert>
          )}
          {canJoin && (
            <form onSubmit={(event) => void join(event)}>
              <Stack>
                <TextInput
                  label="Your name"
                  description="Others see it beside what you do."
                  value={name}
                  onChange={(event) => setName(event.currentTarget.value)}
                  maxLength={DISPLAY_NAME_MAX_CHARACTERS}
                  autoComplete="name"
                  autoFocus
                />
                <Button type="submit" loading={isJoining} disabled={name.trim() === ""}>
                  Join in this browser
                </Button>
              </Stack>
            </form>
          )}
          {canJoin && token !== null && <ForMachine token={token} />}
          {before !== null && (
            <Group>
              <Button variant="default" onClick={onDone}>
                Stay {before.displayName}
              </Button>
            </Group>
          )}
        </Stack>
      </Paper>
    </main>
  );
}

function ForMachine({ token }: { token: string }) {
  return (
    <Stack gap={6}>
      <Text size="sm" c="dimmed">
        Or join with this machine and its agents, by the same link, in a terminal:
      </Text>
      <CopyLine text={joinCommand(`${window.location.origin}${JOIN_PATH}#token=${token}`)} label="Copy the command" />
    </Stack>
  );
}

interface Redemption {
  readonly token: string;
  readonly displayName: string;
  readonly before: Me | null;
}

/** Where the answer to a redemption was lost after its cookie had come, the browser is logged in as somebody new. */
async function redeem(
  { api }: MusterClient,
  { token, displayName, before }: Redemption,
): Promise<{ me: Me; sessionTitle: string | null }> {
  try {
    const { sessionTitle } = await api.invites.redeem({ token, displayName, browser: true });
    return { me: await api.auth.me(), sessionTitle };
  } catch (error) {
    if (toMusterError(error).code !== "invite_used") throw error;
    const me = await api.auth.me().catch(() => null);
    if (me === null || me.principalId === before?.principalId) throw error;
    return { me, sessionTitle: null };
  }
}
