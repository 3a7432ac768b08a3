// The tree as the lines that are seen: what is in the folders that are open, and what is to be said of them. And what a key
// does on it, as the pattern of trees has it. Pure.
import type { FileEntry, FileTree } from "@muster/contracts";

/** What is known of a folder that is open; nothing: it is being read. */
export interface FolderState {
  readonly tree?: FileTree | undefined;
  readonly error?: Error | null;
}

export interface EntryRow {
  readonly kind: "entry";
  readonly id: string;
  /** 1 for what lies in the project's folder itself. */
  readonly level: number;
  readonly entry: FileEntry;
  readonly name: string;
  /** A folder or a link to one. */
  readonly isFolder: boolean;
  readonly isOpen: boolean;
  /** A file or a link to one. */
  readonly isFile: boolean;
}

export interface NoticeRow {
  readonly kind: "notice";
  readonly id: string;
  readonly level: number;
  readonly notice: "loading" | "empty" | "truncated" | "failed";
  readonly folder: string;
  readonly error: Error | null;
}

export type Row = EntryRow | NoticeRow;

/** The project's own folder is always open. */
export function visibleRows(open: ReadonlySet<string>, stateOf: (folder: string) => FolderState): Row[] {
  return rowsOf("", 1, open, stateOf);
}

function rowsOf(
  folder: string,
  level: number,
  open: ReadonlySet<string>,
  stateOf: (folder: string) => FolderState,
): Row[] {
  const { tree, error = null } = stateOf(folder);
  const notice = (what: NoticeRow["notice"]): NoticeRow => ({
    ...{ kind: "notice", id: `${what}:${folder}`, level },
    ...{ notice: what, folder, error },
  });
  if (tree === undefined) return [notice(error === null ? "loading" : "failed")];
  if (tree.entries.length === 0) return [notice(tree.truncated ? "truncated" : "empty")];
  const rows = tree.entries.flatMap((entry, index): Row[] => {
    const isFolder = entry.kind === "folder" || entry.leadsTo === "folder";
    const row: EntryRow = {
      kind: "entry",
      // Names that are no text may look alike.
      id: entry.kind === "other" ? `other:${folder}:${index}` : `entry:${entry.path}`,
      level,
      entry,
      name: entry.path.slice(entry.path.lastIndexOf("/") + 1),
      isFolder,
      isOpen: isFolder && open.has(entry.path),
      isFile: entry.kind === "file" || entry.leadsTo === "file",
    };
    return row.isOpen ? [row, ...rowsOf(entry.path, level + 1, open, stateOf)] : [row];
  });
  return tree.truncated ? [...rows, notice("truncated")] : rows;
}

export interface KeyOutcome {
  readonly focus?: string;
  readonly toggle?: string;
}

/** What a key does where the focus is on that row; null for a key that means nothing here. */
export function onTreeKey(rows: readonly Row[], focused: string, key: string): KeyOutcome | null {
  const entries = rows.filter((row): row is EntryRow => row.kind === "entry");
  const place = entries.findIndex(({ id }) => id === focused);
  const row = entries[place];
  if (row === undefined) return null;
  const to = (target: EntryRow | undefined): KeyOutcome => (target === undefined ? {} : { focus: target.id });
  switch (key) {
    case "ArrowDown":
      return to(entries[place + 1]);
    case "ArrowUp":
      return to(entries[place - 1]);
    case "Home":
      return to(entries[0]);
    case "End":
      return to(entries.at(-1));
    case "ArrowRight": {
      if (!row.isFolder) return {};
      if (!row.isOpen) return { toggle: row.entry.path };
      const first = entries[place + 1];
      return first !== undefined && first.level > row.level ? to(first) : {};
    }
    case "ArrowLeft":
      if (row.isOpen) return { toggle: row.entry.path };
      return to(entries.slice(0, place).findLast(({ level }) => level < row.level));
    default:
      return null;
  }
}
