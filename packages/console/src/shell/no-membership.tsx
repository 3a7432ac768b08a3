// In place of every page for someone who is logged in and belongs to no session any more. It goes away by itself when an
// owner takes them in again.
import { Center, Stack, Text, Title } from "@mantine/core";
import { IconUserOff } from "@tabler/icons-react";

export function NoMembership() {
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
      </Stack>
    </Center>
  );
}
