// Changed files as a tree of folders; a folder that holds nothing but one folder is drawn with it in one line. Pure.
import type { DiffFile } from "@muster/contracts";

export interface TreeFolder {
  readonly kind: "folder";
  /** Such as `src/store`. */
  readonly name: string;
  readonly path: string;
  readonly children: readonly TreeNode[];
}
export interface TreeFile {
  readonly kind: "file";
  readonly name: string;
  readonly file: DiffFile;
}
export type TreeNode = TreeFolder | TreeFile;

interface Draft {
  readonly folders: Map<string, Draft>;
  readonly files: TreeFile[];
}

/** Folders first, each by name. */
export function fileTree(files: readonly DiffFile[]): TreeNode[] {
  const root: Draft = { folders: new Map(), files: [] };
  for (const file of files) {
    const parts = file.path.split("/");
    const name = parts.pop() ?? file.path;
    let draft = root;
    for (const part of parts) {
      const next = draft.folders.get(part) ?? { folders: new Map(), files: [] };
      draft.folders.set(part, next);
      draft = next;
    }
    draft.files.push({ kind: "file", name, file });
  }
  return children(root, "");
}

function children(draft: Draft, prefix: string): TreeNode[] {
  const folders = [...draft.folders].map(([name, child]) => folder(name, child, prefix)).sort(byName);
  return [...folders, ...[...draft.files].sort(byName)];
}

function folder(name: string, draft: Draft, prefix: string): TreeFolder {
  const [only] = [...draft.folders];
  if (only !== undefined && draft.folders.size === 1 && draft.files.length === 0)
    return folder(`${name}/${only[0]}`, only[1], prefix);
  const path = `${prefix}${name}`;
  return { kind: "folder", name, path, children: children(draft, `${path}/`) };
}

const byName = (first: { name: string }, second: { name: string }): number => first.name.localeCompare(second.name);
