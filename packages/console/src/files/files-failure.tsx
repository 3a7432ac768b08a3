// Why there is nothing to look at: each state in words of its own, and a way to try again where that may help.
import { Button, Center, Stack, Text, Title } from "@mantine/core";
import { toMusterError } from "@muster/client";
import {
  IconArrowUpCircle,
  IconFileAlert,
  IconFileOff,
  IconFolderOff,
  IconLock,
  IconPlugConnectedX,
  IconRefresh,
} from "@tabler/icons-react";
import type { ComponentType, ReactNode } from "react";
import { FailureNotice } from "../shared/failure.tsx";
import { fileSize } from "./file-size.ts";

interface StateProps {
  readonly icon: ComponentType<{ size: number; stroke: number; color: string }>;
  readonly title: string;
  readonly children: ReactNode;
  readonly onRetry?: (() => void) | undefined;
  /** Told to those who do not see it, when it appears. */
  readonly role?: "alert" | "status";
}

export function FilesState({ icon: Icon, title, children, onRetry, role = "status" }: StateProps) {
  return (
    <Center p="xl" role={role} data-testid="files-state">
      <Stack align="center" gap="xs" maw={400} ta="center">
        <Icon size={32} stroke={1.5} color="var(--text-muted)" />
        <Title order={3} size="h4">
          {title}
        </Title>
        <Text c="dimmed" size="sm">
          {children}
        </Text>
        {onRetry !== undefined && (
          <Button mt="xs" variant="default" leftSection={<IconRefresh size={16} />} onClick={onRetry}>
            Try again
          </Button>
        )}
      </Stack>
    </Center>
  );
}

const bytesOf = (value: unknown): string | null => (typeof value === "number" ? fileSize(value) : null);

export function FilesFailure({ error: thrown, onRetry }: { error: unknown; onRetry: () => void }) {
  const error = toMusterError(thrown);
  const { code, details } = error;
  switch (code) {
    case "file_too_large":
      return (
        <FilesState icon={IconFileAlert} title="Too large to show">
          {bytesOf(details?.["sizeBytes"]) === null ? "" : `The file has ${bytesOf(details?.["sizeBytes"])}. `}
          At most {bytesOf(details?.["limitBytes"]) ?? "768 KiB"} are sent here; open it on its machine.
        </FilesState>
      );
    case "file_not_found":
      return (
        <FilesState icon={IconFileOff} title="Not there any more" onRetry={onRetry}>
          It was moved, deleted, or is ignored by git now.
        </FilesState>
      );
    case "file_not_allowed":
      return (
        <FilesState icon={IconLock} title="Not shown">
          {error.message}
        </FilesState>
      );
    case "node_not_attached":
      return (
        <FilesState icon={IconPlugConnectedX} title="The machine is not attached" onRetry={onRetry} role="alert">
          It has no slot in this session, so nobody looks into it. The Fleet page says why, and what to do about it.
        </FilesState>
      );
    case "node_offline":
      return (
        <FilesState icon={IconPlugConnectedX} title="The machine is away" onRetry={onRetry} role="alert">
          Files are asked of the machine they are on. They can be looked at as soon as it is back.
        </FilesState>
      );
    case "runtimenode.permission_denied":
      return (
        <FilesState icon={IconLock} title="The machine is not shared here" onRetry={onRetry} role="alert">
          Its owner may no longer contribute machines to this session, so nobody looks into it.
        </FilesState>
      );
    case "workspace_unavailable":
      return (
        <FilesState icon={IconFolderOff} title="The folder cannot be read" onRetry={onRetry} role="alert">
          {error.message}
        </FilesState>
      );
    case "node_upgrade_required":
      return (
        <FilesState icon={IconArrowUpCircle} title="The machine needs a newer Muster" onRetry={onRetry} role="alert">
          The daemon on it is too old to show files. Upgrade Muster there, then try again.
        </FilesState>
      );
    default:
      return <FailureNotice error={error} onRetry={onRetry} />;
  }
}
