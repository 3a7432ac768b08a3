// In place of a page or thread that is not there.
import { Button, Center, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";

export function NotFound({ what }: { what: string }) {
  return (
    <Center mih="60dvh" p="md">
      <Stack align="center" gap="xs" ta="center">
        <Title order={1} size="h3">
          There is no such {what}
        </Title>
        <Text c="dimmed">It may have been deleted, or the address has a slip in it.</Text>
        <Button component={Link} to="/" variant="default" mt="sm">
          Go home
        </Button>
      </Stack>
    </Center>
  );
}
