// Going back to before a turn: what it would touch, then how it goes, then what became of each file.
import { Alert, Button, Group, Loader, Radio, Stack, Text } from "@mantine/core";
import type { RevertedFile, RevertProgress, ThreadView } from "@muster/client";
import type { ThreadId } from "@muster/contracts";
import { IconAlertTriangle, IconArrowBackUp } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { Dialog } from "../shared/dialog.tsx";
import { useCommand } from "../shared/use-command.ts";
import { type RevertPreview, revertPreview } from "./preview.ts";
import classes from "./revert-dialog.module.css";

type Mode = RevertProgress["mode"];

const MODES: readonly { readonly value: Mode; readonly label: string }[] = [
  { value: "both", label: "Files and conversation" },
  { value: "files", label: "Only the files" },
  { value: "conversation", label: "Only the conversation" },
];

interface RevertDialogProps {
  readonly threadId: ThreadId;
  readonly view: ThreadView;
  /** The turn to undo, with all after it; null closes the dialog. */
  readonly turnCount: number | null;
  readonly onClose: () => void;
}

export function RevertDialog({ threadId, view, turnCount, onClose }: RevertDialogProps) {
  return (
    <Dialog isOpen={turnCount !== null} onClose={onClose} title={`Undo turn ${turnCount ?? ""}`}>
      {turnCount !== null && <Content threadId={threadId} view={view} turnCount={turnCount} onClose={onClose} />}
    </Dialog>
  );
}

function Content({ threadId, view, turnCount, onClose }: RevertDialogProps & { turnCount: number }) {
  // Taken once: when the turns are gone, what was asked for can still be read.
  const [preview] = useState(() => revertPreview(turnCount, view.turns, view.checkpoints));
  const [before] = useState(view.revert);
  const [isAsked, setIsAsked] = useState(false);
  const [mode, setMode] = useState<Mode>("both");
  const { run, isRunning } = useCommand();
  const progress = isAsked && view.revert !== before ? view.revert : null;
  const isBusy = view.turns.some(({ status }) => status === "running");

  const ask = async (): Promise<void> => {
    setIsAsked(true);
    if (!(await run({ type: "thread.checkpoint.revert", threadId, turnCount: preview.toTurnCount, mode })))
      setIsAsked(false);
  };

  if (progress !== null && progress.outcome !== null)
    return <Outcome outcome={progress.outcome} mode={progress.mode} onClose={onClose} />;
  if (isAsked) {
    return (
      <Group gap="sm" role="status" py="md">
        <Loader size="sm" />
        <Text>Going back…</Text>
      </Group>
    );
  }
  return (
    <Stack data-testid="revert-preview">
      <Radio.Group label="What goes back" value={mode} onChange={(value) => setMode(value as Mode)}>
        <Stack gap={8} mt={6}>
          {MODES.map(({ value, label }) => (
            <Radio key={value} value={value} label={label} />
          ))}
        </Stack>
      </Radio.Group>
      <Preview preview={preview} mode={mode} />
      {isBusy && (
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />}>
          A turn is running. Stop it first.
        </Alert>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button
          leftSection={<IconArrowBackUp size={16} />}
          loading={isRunning}
          disabled={isBusy}
          onClick={() => void ask()}
          data-testid="revert-confirm"
        >
          Go back
        </Button>
      </Group>
    </Stack>
  );
}

function Preview({ preview, mode }: { preview: RevertPreview; mode: Mode }) {
  const { droppedTurnCounts, paths } = preview;
  const turns =
    droppedTurnCounts.length === 1
      ? `turn ${droppedTurnCounts[0]}`
      : `turns ${droppedTurnCounts[0]} to ${droppedTurnCounts.at(-1)}`;
  return (
    <Stack gap={8}>
      {mode !== "files" && <Text size="sm">The conversation forgets {turns}, and what waits in the queue.</Text>}
      {mode !== "conversation" && (
        <>
          <Text size="sm">
            {paths.length === 0
              ? "No file changed since."
              : `${paths.length === 1 ? "This file goes" : `These ${paths.length} files go`} back to how ${paths.length === 1 ? "it was" : "they were"}, unless another thread changed ${paths.length === 1 ? "it" : "them"} since:`}
          </Text>
          {paths.length > 0 && (
            <ul className={classes["files"]}>
              {paths.map((path) => (
                <li key={path}>{path}</li>
              ))}
            </ul>
          )}
          <Text size="sm" c="dimmed">
            The files as they are now are kept in a checkpoint first.
          </Text>
        </>
      )}
    </Stack>
  );
}

const OUTCOME_TEXT: Readonly<Record<RevertedFile["outcome"], string>> = {
  restored: "restored",
  deleted: "deleted",
  kept: "kept",
  failed: "failed",
};

function Outcome({
  outcome,
  mode,
  onClose,
}: {
  outcome: NonNullable<RevertProgress["outcome"]>;
  mode: Mode;
  onClose: () => void;
}) {
  const { files, error } = outcome;
  const sorted = useMemo(() => [...files].sort((first, second) => first.path.localeCompare(second.path)), [files]);
  return (
    <Stack data-testid="revert-outcome">
      {error === null ? (
        <Text role="status">
          {mode === "conversation" ? "The conversation is back where it was." : "The files are back as they were."}
        </Text>
      ) : (
        <Alert
          color="red"
          variant="light"
          icon={<IconAlertTriangle size={18} />}
          title="The revert did not go through"
          role="alert"
        >
          {error}. The thread says what is known of the files.
        </Alert>
      )}
      {sorted.length > 0 && (
        <ul className={classes["files"]}>
          {sorted.map(({ path, outcome: result, reason }) => (
            <li key={path} data-outcome={result}>
              <span>{path}</span>
              <span className={classes["result"]}>{reason ?? OUTCOME_TEXT[result]}</span>
            </li>
          ))}
        </ul>
      )}
      <Group justify="flex-end">
        <Button onClick={onClose}>Close</Button>
      </Group>
    </Stack>
  );
}
