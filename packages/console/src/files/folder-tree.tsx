// The tree of a project's files: folders are read when they are opened, keys move as in any tree, and one line at a time
// has the focus.
import { Loader } from "@mantine/core";
import { toMusterError } from "@muster/client";
import {
  IconChevronRight,
  IconFile,
  IconFileOff,
  IconFileSymlink,
  IconFolder,
  IconFolderOpen,
  IconFolderSymlink,
} from "@tabler/icons-react";
import { type CSSProperties, type KeyboardEvent, memo, useEffect, useRef, useState } from "react";
import classes from "./folder-tree.module.css";
import { type EntryRow, type NoticeRow, onTreeKey, type Row } from "./rows.ts";

interface FolderTreeProps {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly selected: string | null;
  readonly onSelect: (path: string) => void;
  readonly onToggle: (path: string) => void;
}

const indent = (level: number): CSSProperties => ({ "--level": level - 1 }) as CSSProperties;

export function FolderTree({ label, rows, selected, onSelect, onToggle }: FolderTreeProps) {
  const [focused, setFocused] = useState<string | null>(null);
  const container = useRef<HTMLDivElement>(null);
  const isMoving = useRef(false);
  const first = rows.find(({ kind }) => kind === "entry");
  // The line in which the keyboard enters: where it was, else the chosen file, else the first.
  const entryId = rows.some(({ id }) => id === focused)
    ? focused
    : (rows.find(({ id }) => id === `entry:${selected}`)?.id ?? first?.id ?? null);

  useEffect(() => {
    if (!isMoving.current) return;
    isMoving.current = false;
    const line = [...(container.current?.querySelectorAll<HTMLElement>("[data-id]") ?? [])];
    line.find(({ dataset }) => dataset["id"] === focused)?.focus();
  }, [focused]);

  const activate = (row: EntryRow): void => {
    setFocused(row.id);
    if (row.isFolder) onToggle(row.entry.path);
    else if (row.isFile) onSelect(row.entry.path);
  };
  const press = (event: KeyboardEvent): void => {
    if (entryId === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rows.find((candidate): candidate is EntryRow => candidate.kind === "entry" && candidate.id === entryId);
    if (row !== undefined && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      activate(row);
      return;
    }
    const outcome = onTreeKey(rows, entryId, event.key);
    if (outcome === null) return;
    event.preventDefault();
    if (outcome.toggle !== undefined) onToggle(outcome.toggle);
    if (outcome.focus === undefined) return;
    isMoving.current = true;
    setFocused(outcome.focus);
  };
  const acting = useRef(activate);
  acting.current = activate;
  const [act] = useState(() => (row: EntryRow) => acting.current(row));
  return (
    <div
      ref={container}
      className={classes["tree"]}
      role="tree"
      aria-label={label}
      onKeyDown={press}
      data-testid="files-tree"
    >
      {rows.map((row) =>
        row.kind === "notice" ? (
          <Notice key={row.id} row={row} />
        ) : (
          <Line
            key={row.id}
            id={row.id}
            level={row.level}
            row={row}
            isOpen={row.isOpen}
            isSelected={row.isFile && row.entry.path === selected}
            isEntry={row.id === entryId}
            onActivate={act}
          />
        ),
      )}
    </div>
  );
}

interface LineProps {
  readonly id: string;
  readonly level: number;
  readonly row: EntryRow;
  readonly isOpen: boolean;
  readonly isSelected: boolean;
  readonly isEntry: boolean;
  readonly onActivate: (row: EntryRow) => void;
}

const Line = memo(
  function Line({ id, level, row, isOpen, isSelected, isEntry, onActivate }: LineProps) {
    const canAct = row.isFolder || row.isFile;
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: the tree takes the keys for all of its lines.
      <div
        role="treeitem"
        className={classes["line"]}
        style={indent(level)}
        aria-level={level}
        aria-selected={isSelected}
        aria-expanded={row.isFolder ? isOpen : undefined}
        aria-disabled={canAct ? undefined : true}
        tabIndex={isEntry ? 0 : -1}
        title={canAct ? row.name : `${row.name}: ${unusable(row)}`}
        data-id={id}
        data-testid="files-entry"
        onClick={() => onActivate(row)}
      >
        <IconChevronRight
          size={14}
          aria-hidden="true"
          className={classes["chevron"] ?? ""}
          data-open={isOpen}
          data-hidden={!row.isFolder}
        />
        <EntryIcon row={row} />
        <span className={classes["name"]}>{row.name}</span>
        {!canAct && (
          <span className={classes["aside"]}>{row.entry.kind === "link" ? "leads elsewhere" : "no file"}</span>
        )}
      </div>
    );
  },
  (before, after) =>
    before.id === after.id &&
    before.level === after.level &&
    before.isOpen === after.isOpen &&
    before.isSelected === after.isSelected &&
    before.isEntry === after.isEntry &&
    before.row.entry === after.row.entry,
);

const unusable = ({ entry }: EntryRow): string =>
  entry.kind === "link" ? "a link that leads to nothing in this project" : "neither a file nor a folder";

function EntryIcon({ row: { entry, isFolder, isOpen, isFile } }: { row: EntryRow }) {
  const isLink = entry.kind === "link";
  const Icon = isFolder
    ? isLink
      ? IconFolderSymlink
      : isOpen
        ? IconFolderOpen
        : IconFolder
    : isFile
      ? isLink
        ? IconFileSymlink
        : IconFile
      : IconFileOff;
  return <Icon size={16} stroke={1.6} aria-hidden="true" className={classes[isFolder ? "folder" : "file"] ?? ""} />;
}

const NOTICES: Readonly<Record<NoticeRow["notice"], string>> = {
  loading: "Reading the folder",
  empty: "Nothing in this folder",
  truncated: "There is more than can be listed",
  failed: "",
};

function Notice({ row }: { row: NoticeRow }) {
  const { notice, level, error } = row;
  return (
    <div
      role="treeitem"
      className={classes["notice"]}
      style={indent(level)}
      aria-level={level}
      aria-selected={false}
      aria-disabled
      tabIndex={-1}
      data-notice={notice}
    >
      {notice === "loading" && <Loader size={12} aria-hidden="true" />}
      {error === null ? NOTICES[notice] : toMusterError(error).message}
    </div>
  );
}
