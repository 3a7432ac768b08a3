// The way in: redeems the token of a login link, or says how to get one.

import { Alert, Button, Loader, Paper, Stack, Text, Title } from "@mantine/core";
import { type MusterClient, toMusterError } from "@muster/client";
import type { Me, MusterError } from "@muster/contracts";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { ME_KEY } from "../application/session.tsx";
import { Hint } from "../shared/hint.tsx";
import { CopyLine } from "../shared/page.tsx";
import { Logo } from "../shell/logo.tsx";
import classes from "./login-page.module.css";

/** A token works once, so it is sent once, however often the page is drawn. */
const redemptions = new Map<string, Promise<Me>>();

function redeem(client: MusterClient, token: string): Promise<Me> {
  const redemption = redemptions.get(token) ?? redeemOrStay(client, token);
  redemptions.set(token, redemption);
  return redemption;
}

/** Whoever opens a used link again in the browser that used it is logged in there already. */
async function redeemOrStay({ api }: MusterClient, token: string): Promise<Me> {
  try {
    return await api.auth.redeem({ token });
  } catch (error) {
    if (toMusterError(error).code !== "login_link_invalid") throw error;
    return await api.auth.me().catch(() => {
      throw error;
    });
  }
}

export function LoginPage({ token, onDone }: { token: string | null; onDone: () => void }) {
  const { client } = useMuster();
  const queries = useQueryClient();
  const [failure, setFailure] = useState<MusterError | null>(null);
  const [tries, setTries] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another try sends the token again.
  useEffect(() => {
    if (token === null) return;
    let isCurrent = true;
    redeem(client, token).then(
      (me) => {
        queries.setQueryData(ME_KEY, me);
        if (isCurrent) onDone();
      },
      (error: unknown) => {
        redemptions.delete(token);
        if (isCurrent) setFailure(toMusterError(error));
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [token, tries, client, queries, onDone]);

  const tryAgain = (): void => {
    setFailure(null);
    setTries((count) => count + 1);
  };

  return (
    <main className={classes["page"]} data-testid="login-page">
      <Paper withBorder radius="lg" p={{ base: "lg", xs: "xl" }} className={classes["card"]}>
        <Logo size={40} />
        {token !== null && failure === null ? <Redeeming /> : <HowToLogIn failure={failure} onTryAgain={tryAgain} />}
      </Paper>
      <Text size="xs" c="dimmed">
        Your agents, messages and history stay on your own machines.
      </Text>
    </main>
  );
}

function Redeeming() {
  return (
    <Stack gap="xs" align="center" role="status" py="md">
      <Loader size="sm" />
      <Text c="dimmed">Logging you in…</Text>
    </Stack>
  );
}

function HowToLogIn({ failure, onTryAgain }: { failure: MusterError | null; onTryAgain: () => void }) {
  return (
    <Stack gap="md" w="100%">
      <div>
        <Title order={1} size="h2">
          Log in to Muster
        </Title>
        <Text c="dimmed" mt={4}>
          You log in with a link that works once. Make one on the machine where the hub runs:
        </Text>
      </div>
      {failure !== null && (
        <Alert color="red" variant="light" icon={<IconAlertTriangle size={18} />} title={failure.message} role="alert">
          <Hint text={failure.row.hint} />
          {failure.row.retryable && (
            <Button variant="default" size="xs" mt="sm" display="block" onClick={onTryAgain}>
              Try again
            </Button>
          )}
        </Alert>
      )}
      <CopyLine text="muster login" label="Copy the command" />
      <Text size="sm" c="dimmed">
        It prints a link; open it here. From a checkout of the source the command is{" "}
        <span className="mono">npm run muster -- login</span>.
      </Text>
    </Stack>
  );
}
