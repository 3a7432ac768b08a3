// In place of every page for someone who is logged in and belongs to no session any more. It goes away by itself when an
// owner takes them in again.
import { Button, Center, Stack, Text, Title } from "@mantine/core";
import { IconLogout, IconUserOff } from "@tabler/icons-react";
import { useLogOut } from "../application/session.tsx";
import { notifyFailure } from "../shared/failure.tsx";

export function NoMembership() {
  const logOut = useLogOut();
  return (
    <Center component="main" mih="100dvh" p="md" data-testid="no-membership">
      <Stack align="center" gap="xs" maw={440} ta="center" role="status">
        <IconUserOff size={32} stroke={1.5} color="var(--text-muted)" aria-hidden="true" />
        <Title order={1} size="h3">
          You belong to no session here now
        </Title>
        <Text c="dimmed">
          An owner suspended or removed your membership, or you left. When an owner takes you in again, this page goes
          on by itself; a new invite works, too.
        </Text>
        <Button
          variant="default"
          leftSection={<IconLogout size={16} />}
          onClick={() => void logOut().catch(notifyFailure)}
        >
          Log out
        </Button>
      </Stack>
    </Center>
  );
}
