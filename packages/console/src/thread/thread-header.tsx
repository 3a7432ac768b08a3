// What this thread is: title, project, agent, permissions; and what can be done with it as a whole.
import { ActionIcon, Badge, Menu, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { ThreadView } from "@muster/client";
import type { ThreadRow } from "@muster/contracts";
import { IconArchive, IconArchiveOff, IconDots, IconFolders, IconPencil } from "@tabler/icons-react";
import { useNodes } from "../application/muster.tsx";
import { LIVENESS, type Mark } from "../fleet/standing.ts";
import { Dialog } from "../shared/dialog.tsx";
import row from "../shared/facts.module.css";
import { TitleForm } from "../shared/title-form.tsx";
import { useCommand } from "../shared/use-command.ts";
import { runtimeModeLabel } from "../threads/runtime-mode-field.tsx";
import { nodeName, nodeOfProject, providersOf } from "../threads/thread-choices.ts";
import classes from "./thread-header.module.css";

const TITLE_MAX_CHARACTERS = 256;

interface ThreadHeaderProps {
  readonly view: ThreadView;
  /** Why nothing can be asked for now. */
  readonly obstacle: Mark | null;
  readonly onOpenFiles: () => void;
}

export function ThreadHeader({ view: { thread, project }, obstacle, onOpenFiles }: ThreadHeaderProps) {
  const nodes = useNodes();
  if (thread === null || project === null) return null;
  const node = nodeOfProject(project, nodes);
  const agent = providersOf(node).find(({ name }) => name === thread.provider)?.title ?? thread.provider;
  return (
    <header className={classes["header"]}>
      <div className={classes["text"]}>
        <h1 className={classes["title"]}>{thread.title}</h1>
        <p className={row["facts"]}>
          <Tooltip label={project.workspaceRoot}>
            <span>{project.title}</span>
          </Tooltip>
          <span>{agent}</span>
          <span>{runtimeModeLabel(thread.runtimeMode)}</span>
          {obstacle !== null && (
            <span className={classes["away"]} data-testid="thread-mark" data-kind={obstacle.kind}>
              {obstacle.kind === "viewer" || obstacle.kind === "archived" || node === undefined
                ? obstacle.label
                : `${nodeName(node)}: ${obstacle.label.toLowerCase()}`}
            </span>
          )}
          {obstacle === null && node !== undefined && node.health !== "online" && (
            <span className={classes["away"]}>
              {nodeName(node)}: {LIVENESS[node.health].text.toLowerCase()}
            </span>
          )}
        </p>
      </div>
      {thread.archivedAt !== null && (
        <Badge color="gray" variant="light">
          Archived
        </Badge>
      )}
      <Tooltip label="Files of the project">
        <ActionIcon size="lg" aria-label="Files of the project" onClick={onOpenFiles} data-testid="open-files">
          <IconFolders size={18} />
        </ActionIcon>
      </Tooltip>
      {obstacle?.kind !== "viewer" && <Actions thread={thread} />}
    </header>
  );
}

function Actions({ thread }: { thread: ThreadRow }) {
  const { run, isRunning } = useCommand();
  const [isRenaming, renaming] = useDisclosure(false);
  const isArchived = thread.archivedAt !== null;
  return (
    <>
      <Menu position="bottom-end" width={200}>
        <Menu.Target>
          <ActionIcon size="lg" aria-label="What can be done with this thread">
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={renaming.open} disabled={isArchived}>
            Rename
          </Menu.Item>
          <Menu.Item
            leftSection={isArchived ? <IconArchiveOff size={16} /> : <IconArchive size={16} />}
            onClick={() =>
              void run({ type: isArchived ? "thread.unarchive" : "thread.archive", threadId: thread.threadId })
            }
          >
            {isArchived ? "Unarchive" : "Archive"}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Dialog isOpen={isRenaming} onClose={renaming.close} title="Rename the thread">
        <TitleForm
          current={thread.title}
          maxCharacters={TITLE_MAX_CHARACTERS}
          action="Rename"
          isActing={isRunning}
          onSubmit={(title) => run({ type: "thread.meta.update", threadId: thread.threadId, title })}
          onDone={renaming.close}
        />
      </Dialog>
    </>
  );
}
