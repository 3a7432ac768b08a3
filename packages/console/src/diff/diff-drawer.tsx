// The diff of a turn in a drawer over the page: changed files on the left, the chosen file on the right. The viewer and
// its highlighting are loaded when it is opened first.
import { Loader, SegmentedControl, Select, Skeleton, Stack, Text } from "@mantine/core";
import type { CheckpointRow, TurnDiff } from "@muster/contracts";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { FailureNotice } from "../shared/failure.tsx";
import { SideBySide, SideDrawer, SideList, useIsNarrow } from "../shared/side-drawer.tsx";
import classes from "./diff-drawer.module.css";
import { LineCounts, sumCounts } from "./file-status.tsx";
import { FileTree } from "./file-tree.tsx";
import { splitPatch } from "./split-patch.ts";

const PatchView = lazy(async () => ({ default: (await import("./patch-view.tsx")).PatchView }));

export interface DiffRequest {
  readonly checkpoint: CheckpointRow;
  /** The file to begin with; null for the first. */
  readonly path: string | null;
}

export function DiffDrawer({ request, onClose }: { request: DiffRequest | null; onClose: () => void }) {
  const isNarrow = useIsNarrow();
  const [mode, setMode] = useState<"unified" | "split">("unified");
  return (
    <SideDrawer
      isOpen={request !== null}
      onClose={onClose}
      label="Diff"
      title={request === null ? "Diff" : `Changes of turn ${request.checkpoint.checkpointTurnCount}`}
      closeLabel="Close the diff"
      head={
        <>
          {request !== null && <LineCounts {...sumCounts(request.checkpoint.files)} />}
          {!isNarrow && (
            <SegmentedControl
              size="xs"
              className={classes["mode"] ?? ""}
              value={mode}
              onChange={(value) => setMode(value as "unified" | "split")}
              data={[
                { value: "unified", label: "Unified" },
                { value: "split", label: "Split" },
              ]}
              aria-label="How the diff is drawn"
            />
          )}
        </>
      }
    >
      {request !== null && (
        <Content key={request.checkpoint.checkpointRef} request={request} mode={isNarrow ? "unified" : mode} />
      )}
    </SideDrawer>
  );
}

function Content({ request, mode }: { request: DiffRequest; mode: "unified" | "split" }) {
  const isNarrow = useIsNarrow();
  const { client } = useMuster();
  const { threadId, checkpointTurnCount: to, checkpointRef, files } = request.checkpoint;
  const [path, setPath] = useState(request.path ?? files[0]?.path ?? null);
  const diff = useQuery({
    queryKey: ["diff", threadId, checkpointRef],
    queryFn: ({ signal }) =>
      client.api.orchestration.getTurnDiff(
        { threadId, fromTurnCount: Math.max(0, to - 1), toTurnCount: to },
        { signal },
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <SideBySide>
      {isNarrow ? (
        <Select
          aria-label="File"
          value={path}
          onChange={setPath}
          allowDeselect={false}
          data={files.map((file) => ({ value: file.path, label: file.path }))}
          px="md"
          py="sm"
          classNames={{ input: "mono" }}
        />
      ) : (
        <SideList label="Changed files">
          <FileTree files={files} selected={path} onSelect={setPath} />
        </SideList>
      )}
      <div className={classes["view"]} data-testid="diff-view">
        {diff.isPending && <Loading />}
        {diff.isError && <FailureNotice error={diff.error} onRetry={() => void diff.refetch()} />}
        {diff.data !== undefined && <Patch diff={diff.data} path={path} mode={mode} />}
      </div>
    </SideBySide>
  );
}

function Patch({ diff, path, mode }: { diff: TurnDiff; path: string | null; mode: "unified" | "split" }) {
  const patches = useMemo(() => splitPatch(diff.diff), [diff.diff]);
  const patch = patches.find((candidate) => candidate.path === path);
  return (
    <>
      {diff.truncated && (
        <Text size="sm" p="sm" c="dimmed">
          The diff is long; its end was cut.
        </Text>
      )}
      {patch === undefined || !patch.hasHunks ? (
        <Text c="dimmed" p="xl" ta="center">
          {patch === undefined && diff.truncated
            ? "This file lies in the part that was cut."
            : "There are no lines to show: the file is binary, empty, or was only moved."}
        </Text>
      ) : (
        <Suspense
          fallback={
            <Stack align="center" p="xl">
              <Loader size="sm" aria-label="Loading the viewer" />
            </Stack>
          }
        >
          <PatchView key={patch.path} patch={patch} mode={mode} />
        </Suspense>
      )}
    </>
  );
}

function Loading() {
  return (
    <Stack p="md" gap={9} role="status" aria-label="Loading the diff">
      {[55, 72, 40, 66, 80, 35].map((width) => (
        <Skeleton key={width} height={12} width={`${width}%`} radius="xl" />
      ))}
    </Stack>
  );
}
