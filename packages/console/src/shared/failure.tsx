// How a failure is told: what happened, what can be done about it, and a way to try again where that may help.

import { Button, Center, Group, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { isAbort, toMusterError } from "@muster/client";
import type { MusterError } from "@muster/contracts";
import { IconAlertTriangle, IconPlugConnectedX, IconRefresh } from "@tabler/icons-react";
import { Hint } from "./hint.tsx";

/** The table of errors speaks to the command line of a hub that can't be reached; here a page was open on it. */
const wordsOf = ({ code, message, row }: MusterError): { readonly title: string; readonly hint: string } =>
  code === "hub_unreachable"
    ? { title: "The hub does not answer", hint: "Once it is back, this page goes on by itself." }
    : { title: message, hint: row.hint };

/** A notification that stays long enough to be read and acted on. */
export function notifyFailure(thrown: unknown, onRetry?: () => void): void {
  if (isAbort(thrown)) return;
  const { title, hint } = wordsOf(toMusterError(thrown));
  const id = notifications.show({
    color: "red",
    icon: <IconAlertTriangle size={18} />,
    title,
    autoClose: onRetry === undefined ? 8_000 : 15_000,
    role: "alert",
    closeButtonProps: { "aria-label": "Dismiss" },
    message: (
      <Stack gap={6} align="flex-start">
        <Text size="sm" c="dimmed">
          <Hint text={hint} />
        </Text>
        {onRetry !== undefined && (
          <Button
            size="compact-xs"
            variant="light"
            color="red"
            leftSection={<IconRefresh size={14} />}
            onClick={() => {
              notifications.hide(id);
              onRetry();
            }}
          >
            Try again
          </Button>
        )}
      </Stack>
    ),
  });
}

/** In place of what could not be loaded. */
export function FailureNotice({ error: thrown, onRetry }: { error: unknown; onRetry?: (() => void) | undefined }) {
  const error = toMusterError(thrown);
  const { title, hint } = wordsOf(error);
  const Icon = error.code === "hub_unreachable" ? IconPlugConnectedX : IconAlertTriangle;
  return (
    <Center p="xl" role="alert">
      <Stack align="center" gap="xs" maw={420} ta="center">
        <Icon size={32} stroke={1.5} color="var(--negative)" />
        <Title order={2} size="h4">
          {title}
        </Title>
        <Text c="dimmed" size="sm">
          <Hint text={hint} />
        </Text>
        {onRetry !== undefined && (
          <Group mt="xs">
            <Button variant="default" leftSection={<IconRefresh size={16} />} onClick={onRetry}>
              Try again
            </Button>
          </Group>
        )}
      </Stack>
    </Center>
  );
}

export function FailurePage({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  return (
    <Center component="main" mih="100dvh">
      <FailureNotice error={error} onRetry={onRetry} />
    </Center>
  );
}
