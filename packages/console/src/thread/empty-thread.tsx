// A thread in which nothing was asked yet.
import { Center, Stack, Text, Title } from "@mantine/core";
import type { ThreadView } from "@muster/client";
import { IconMessageCircle } from "@tabler/icons-react";

export function EmptyThread({ view }: { view: ThreadView }) {
  return (
    <Center flex={1} p="md">
      <Stack align="center" gap={6} ta="center" maw={420}>
        <IconMessageCircle size={32} stroke={1.4} color="var(--accent)" aria-hidden="true" />
        <Title order={2} size="h3" mt={4}>
          What should be done?
        </Title>
        <Text c="dimmed">
          Describe it below. The agent works in <span className="mono">{view.project?.workspaceRoot}</span>, and before
          its first step the folder is recorded, so everything it changes can be seen and undone.
        </Text>
      </Stack>
    </Center>
  );
}
