// What a turn changed: its files, each of which opens the diff.
import { Button, UnstyledButton } from "@mantine/core";
import type { CheckpointRow } from "@muster/contracts";
import { IconArrowBackUp, IconGitCompare } from "@tabler/icons-react";
import { memo, useState } from "react";
import type { TimelineActions } from "../timeline/actions.ts";
import classes from "./diff-card.module.css";
import { FileStatus, LineCounts, sumCounts } from "./file-status.tsx";

const SHOWN_FIRST = 6;

export const DiffCard = memo(function DiffCard({
  checkpoint,
  actions,
}: {
  checkpoint: CheckpointRow;
  actions: TimelineActions;
}) {
  const [showsAll, setShowsAll] = useState(false);
  const { files } = checkpoint;
  const shown = showsAll ? files : files.slice(0, SHOWN_FIRST);
  return (
    <section className={classes["card"]} aria-label="Changed files" data-testid="diff-card">
      <header className={classes["header"]}>
        <span className={classes["title"]}>
          {files.length === 1 ? "1 file changed" : `${files.length} files changed`}
        </span>
        <LineCounts {...sumCounts(files)} />
        <span className={classes["acts"]}>
          {actions.undo !== null && (
            <Button
              size="compact-sm"
              variant="subtle"
              color="gray"
              leftSection={<IconArrowBackUp size={15} />}
              onClick={() => actions.undo?.(checkpoint.checkpointTurnCount)}
              data-testid="undo-turn"
            >
              Undo
            </Button>
          )}
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconGitCompare size={15} />}
            onClick={() => actions.openDiff(checkpoint, null)}
            data-testid="open-diff"
          >
            View diff
          </Button>
        </span>
      </header>
      <ul className={classes["files"]}>
        {shown.map((file) => (
          <li key={file.path}>
            <UnstyledButton
              className={classes["file"] ?? ""}
              onClick={() => actions.openDiff(checkpoint, file.path)}
              data-testid="diff-file"
            >
              <FileStatus status={file.status} />
              <span className={classes["path"]}>
                {file.previousPath === undefined ? "" : `${file.previousPath} → `}
                {file.path}
              </span>
              <LineCounts additions={file.additions} deletions={file.deletions} />
            </UnstyledButton>
          </li>
        ))}
      </ul>
      {files.length > shown.length && (
        <UnstyledButton className={classes["more"] ?? ""} onClick={() => setShowsAll(true)}>
          Show {files.length - shown.length} more
        </UnstyledButton>
      )}
    </section>
  );
});
