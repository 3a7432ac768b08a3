// The tree of changed files beside a diff.
import { UnstyledButton } from "@mantine/core";
import type { DiffFile } from "@muster/contracts";
import { IconFolder } from "@tabler/icons-react";
import { useMemo } from "react";
import { FileStatus, LineCounts } from "./file-status.tsx";
import classes from "./file-tree.module.css";
import { fileTree, type TreeNode } from "./file-tree.ts";

interface FileTreeProps {
  readonly files: readonly DiffFile[];
  readonly selected: string | null;
  readonly onSelect: (path: string) => void;
}

export function FileTree({ files, selected, onSelect }: FileTreeProps) {
  const nodes = useMemo(() => fileTree(files), [files]);
  return <Nodes nodes={nodes} selected={selected} onSelect={onSelect} />;
}

function Nodes({ nodes, selected, onSelect }: { nodes: readonly TreeNode[] } & Omit<FileTreeProps, "files">) {
  return (
    <ul className={classes["nodes"]}>
      {nodes.map((node) =>
        node.kind === "folder" ? (
          <li key={`folder:${node.path}`}>
            <span className={classes["folder"]}>
              <IconFolder size={15} stroke={1.7} aria-hidden="true" />
              {node.name}
            </span>
            <Nodes nodes={node.children} selected={selected} onSelect={onSelect} />
          </li>
        ) : (
          <li key={node.file.path}>
            <UnstyledButton
              className={classes["file"] ?? ""}
              aria-current={node.file.path === selected ? "true" : undefined}
              onClick={() => onSelect(node.file.path)}
              data-testid="diff-tree-file"
            >
              <FileStatus status={node.file.status} />
              <span className={classes["name"]}>{node.name}</span>
              <LineCounts additions={node.file.additions} deletions={node.file.deletions} />
            </UnstyledButton>
          </li>
        ),
      )}
    </ul>
  );
}
