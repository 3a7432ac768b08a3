// One thread: what it is, its timeline, the question that waits, and the composer.
import { Skeleton, Stack } from "@mantine/core";
import { continuationOf, type ThreadView } from "@muster/client";
import type { ThreadId, TurnRow } from "@muster/contracts";
import { useCallback, useMemo, useState } from "react";
import { useMuster, useThread } from "../application/muster.tsx";
import { DiffDrawer, type DiffRequest } from "../diff/diff-drawer.tsx";
import { FilesDrawer } from "../files/files-drawer.tsx";
import { ObstacleNote } from "../fleet/obstacle-note.tsx";
import { useMark } from "../fleet/use-obstacle.ts";
import { RevertDialog } from "../revert/revert-dialog.tsx";
import { FailureNotice, notifyFailure } from "../shared/failure.tsx";
import { NotFound } from "../shared/not-found.tsx";
import { useCommand } from "../shared/use-command.ts";
import { WorkspaceProvider } from "../shared/workspace-path.tsx";
import type { TimelineActions } from "../timeline/actions.ts";
import { timelineItems } from "../timeline/items.ts";
import { Timeline } from "../timeline/timeline.tsx";
import { Announcer } from "./announcer.tsx";
import { ApprovalPanel } from "./approval-panel.tsx";
import { Composer } from "./composer.tsx";
import { EmptyThread } from "./empty-thread.tsx";
import { QueuedTurns } from "./queued-turns.tsx";
import { ThreadHeader } from "./thread-header.tsx";
import classes from "./thread-page.module.css";

export function ThreadPage({ threadId: given }: { threadId: string }) {
  const threadId = given as ThreadId;
  const { feed } = useMuster();
  const view = useThread(threadId);
  if (view === undefined || view.status === "loading") return <Loading />;
  if (view.error?.code === "thread_not_found" || view.error?.code === "validation_failed")
    return <NotFound what="thread" />;
  if (view.status === "failed" || view.thread === null) {
    return <FailureNotice error={view.error} onRetry={() => void feed.reloadThread(threadId)} />;
  }
  if (view.thread.deletedAt !== null) return <NotFound what="thread" />;
  return (
    <WorkspaceProvider value={view.thread.worktreePath ?? view.project?.workspaceRoot ?? null}>
      <Ready threadId={threadId} view={view} />
    </WorkspaceProvider>
  );
}

function Ready({ threadId, view }: { threadId: ThreadId; view: ThreadView }) {
  const { client, feed } = useMuster();
  const { run } = useCommand();
  const [diff, setDiff] = useState<DiffRequest | null>(null);
  const [showsFiles, setShowsFiles] = useState(false);
  const [undone, setUndone] = useState<number | null>(null);
  const items = useMemo(() => timelineItems(view), [view]);
  const pending = useMemo(() => view.approvals.filter(({ status }) => status === "pending"), [view.approvals]);
  const queued = useMemo(() => view.turns.filter(({ status }) => status === "queued"), [view.turns]);
  const running = view.turns.find(({ status }) => status === "running") ?? null;
  const loadOlder = useCallback(
    () =>
      void feed
        .loadOlder(threadId)
        .catch((error: unknown) => notifyFailure(error, () => void feed.loadOlder(threadId))),
    [feed, threadId],
  );
  const continueTurn = useCallback(
    (turn: TurnRow) =>
      void continuationOf(client, turn)
        .then(run)
        .catch((error: unknown) => notifyFailure(error, () => continueTurn(turn))),
    [client, run],
  );
  const mark = useMark(view.project);
  const obstacle = mark?.blocksTurns === true ? mark : null;
  const mayUndo = obstacle?.blocksAll !== true;
  const mayContinue = obstacle === null;
  const actions = useMemo<TimelineActions>(
    () => ({
      openDiff: (checkpoint, path) => setDiff({ checkpoint, path }),
      undo: mayUndo ? setUndone : null,
      continueTurn: mayContinue ? continueTurn : null,
    }),
    [continueTurn, mayUndo, mayContinue],
  );
  const [first] = pending;
  return (
    <div className={classes["page"]}>
      <ThreadHeader view={view} obstacle={obstacle} onOpenFiles={() => setShowsFiles(true)} />
      {items.length === 0 ? (
        <EmptyThread view={view} />
      ) : (
        <Timeline
          items={items}
          hasOlder={view.hasOlder}
          isLoadingOlder={view.isLoadingOlder}
          onLoadOlder={loadOlder}
          actions={actions}
        />
      )}
      <div className={classes["dock"]}>
        <div className={classes["column"]}>
          {first !== undefined && (
            <ApprovalPanel
              key={first.requestId}
              approval={first}
              waitingCount={pending.length}
              mayAnswer={obstacle?.blocksAll !== true}
            />
          )}
          {queued.length > 0 && (
            <QueuedTurns turns={queued} messages={view.messages} mayCancel={obstacle?.kind !== "viewer"} />
          )}
          {mark !== null && <ObstacleNote obstacle={mark} />}
          <Composer
            threadId={threadId}
            running={running}
            isArchived={view.thread?.archivedAt !== null}
            obstacle={obstacle}
          />
        </div>
      </div>
      <RevertDialog threadId={threadId} view={view} turnCount={undone} onClose={() => setUndone(null)} />
      <DiffDrawer request={diff} onClose={() => setDiff(null)} />
      <FilesDrawer project={view.project} isOpen={showsFiles} onClose={() => setShowsFiles(false)} />
      <Announcer view={view} />
    </div>
  );
}

function Loading() {
  return (
    <div className={classes["page"]} role="status" aria-label="Loading the thread">
      <Stack className={classes["loading"] ?? ""} gap="md">
        <Skeleton height={18} width="38%" radius="xl" />
        <Skeleton height={52} width="55%" radius="lg" ml="auto" mt="xl" />
        <Skeleton height={12} width="82%" radius="xl" />
        <Skeleton height={12} width="74%" radius="xl" />
        <Skeleton height={12} width="46%" radius="xl" />
        <Skeleton height={84} radius="lg" />
      </Stack>
    </div>
  );
}
