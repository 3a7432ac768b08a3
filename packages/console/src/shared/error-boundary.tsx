// A mistake in the page itself is shown with a way out instead of leaving an empty window.
import { Button, Center, Stack, Text, Title } from "@mantine/core";
import { Component, type ReactNode } from "react";

export function Fault({ error }: { error: Error }) {
  return (
    <Center component="main" mih="80dvh" p="md">
      <Stack align="center" gap="xs" maw={480} ta="center" role="alert">
        <Title order={1} size="h3">
          This page has a fault
        </Title>
        <Text c="dimmed">Nothing was lost: all work is kept by the hub. Load the page again to go on.</Text>
        <Text size="sm" className="mono" c="dimmed">
          {error.message}
        </Text>
        <Button mt="sm" onClick={() => window.location.reload()}>
          Load again
        </Button>
      </Stack>
    </Center>
  );
}

export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    return error === null ? this.props.children : <Fault error={error} />;
  }
}
