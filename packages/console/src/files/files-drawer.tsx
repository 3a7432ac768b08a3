// The files of a thread's project in a drawer over the page: the tree on the left, the chosen file on the right; on a phone
// one after the other. Everything is asked of the machine when it is opened; closing takes open questions back.
import { ActionIcon, Button, Tooltip } from "@mantine/core";
import type { ProjectRow } from "@muster/contracts";
import { IconArrowLeft, IconEye, IconEyeOff, IconFileSearch, IconFolderOff, IconRefresh } from "@tabler/icons-react";
import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { SideBySide, SideDrawer, SideList, useIsNarrow } from "../shared/side-drawer.tsx";
import { FilePreview } from "./file-preview.tsx";
import classes from "./files-drawer.module.css";
import { FilesFailure, FilesState } from "./files-failure.tsx";
import { FolderTree } from "./folder-tree.tsx";
import { visibleRows } from "./rows.ts";

/** An agent may be at work: what was read longer ago is read again when it is opened again. */
const FRESH_MS = 5_000;

interface FilesDrawerProps {
  readonly project: ProjectRow | null;
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

export function FilesDrawer({ project, isOpen, onClose }: FilesDrawerProps) {
  const [ignored, setIgnored] = useState(false);
  const queries = useQueryClient();
  const what = ignored ? "Leave out what git ignores" : "Show what git ignores";
  return (
    <SideDrawer
      isOpen={isOpen && project !== null}
      onClose={onClose}
      label="Files"
      title="Files"
      closeLabel="Close the files"
      head={
        <>
          <span className={classes["root"]}>{project?.workspaceRoot}</span>
          <Tooltip label={what}>
            <ActionIcon
              className={classes["toggle"] ?? ""}
              aria-label="Show what git ignores"
              aria-pressed={ignored}
              onClick={() => setIgnored(!ignored)}
              data-testid="files-ignored"
            >
              {ignored ? <IconEye size={17} /> : <IconEyeOff size={17} />}
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Read again">
            <ActionIcon
              aria-label="Read again"
              onClick={() => void queries.invalidateQueries({ queryKey: ["files", project?.projectId] })}
            >
              <IconRefresh size={17} />
            </ActionIcon>
          </Tooltip>
        </>
      }
    >
      {project !== null && <Browser key={project.projectId} project={project} ignored={ignored} />}
    </SideDrawer>
  );
}

function Browser({ project, ignored }: { project: ProjectRow; ignored: boolean }) {
  const isNarrow = useIsNarrow();
  const { projectId, title } = project;
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [selected, setSelected] = useState<string | null>(null);
  const { stateOf, root } = useFolders(project, ignored, open);
  const rows = visibleRows(open, stateOf);
  const toggle = (path: string): void => {
    const next = new Set(open);
    if (!next.delete(path)) next.add(path);
    setOpen(next);
  };
  const isEmpty = root.data?.entries.length === 0;
  if (root.isError) return <FilesFailure error={root.error} onRetry={() => void root.refetch()} />;
  if (isEmpty)
    return (
      <FilesState icon={IconFolderOff} title="An empty folder">
        There is nothing in the project's folder{ignored ? "" : " that git does not ignore"}.
      </FilesState>
    );
  const preview = selected !== null && <FilePreview key={selected} {...{ projectId, ignored }} path={selected} />;
  return (
    <SideBySide>
      {isNarrow && preview !== false && (
        <Button
          className={classes["back"] ?? ""}
          variant="subtle"
          color="gray"
          leftSection={<IconArrowLeft size={16} />}
          onClick={() => setSelected(null)}
          autoFocus
        >
          All files
        </Button>
      )}
      <SideList label="Folders" isHidden={isNarrow && selected !== null}>
        <FolderTree
          label={`Files of ${title}`}
          rows={rows}
          selected={selected}
          onSelect={setSelected}
          onToggle={toggle}
        />
      </SideList>
      {preview === false && !isNarrow && (
        <div className={classes["nothing"]}>
          <FilesState icon={IconFileSearch} title="Choose a file">
            What it holds is shown here, as it is on the machine now.
          </FilesState>
        </div>
      )}
      {preview}
    </SideBySide>
  );
}

/** The project's own folder and all that are open, each read by itself. */
function useFolders({ projectId }: ProjectRow, ignored: boolean, open: ReadonlySet<string>) {
  const { client } = useMuster();
  const paths = ["", ...open];
  const found = useQueries({
    queries: paths.map((path) => ({
      queryKey: ["files", projectId, "tree", path, ignored],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        client.api.node.files.tree({ projectId, path, ignored }, { signal }),
      staleTime: FRESH_MS,
    })),
  });
  const [root] = found;
  if (root === undefined) throw new Error("the project's own folder is always read");
  const stateOf = (path: string) => {
    const query = found[paths.indexOf(path)];
    return { tree: query?.data, error: query?.error ?? null };
  };
  return { root, stateOf };
}
