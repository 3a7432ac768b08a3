// Changed files as folders.
import type { DiffFile } from "@muster/contracts";
import { expect, test } from "vitest";
import { fileTree, type TreeNode } from "./file-tree.ts";

const file = (path: string): DiffFile => ({ path, status: "modified", additions: 1, deletions: 1, binary: false });
const outline = (nodes: readonly TreeNode[]): unknown[] =>
  nodes.map((node) => (node.kind === "file" ? node.name : { [node.name]: outline(node.children) }));

test("folders come first and a lone folder shares its parent's line", () => {
  const tree = fileTree(["readme.md", "src/store/sql/open.ts", "src/store/sql/close.ts", "src/index.ts"].map(file));
  expect(outline(tree)).toEqual([{ src: [{ "store/sql": ["close.ts", "open.ts"] }, "index.ts"] }, "readme.md"]);
});

test("a folder knows its whole path", () => {
  const [src] = fileTree(["a/b/one.ts", "a/c/two.ts"].map(file));
  expect(src?.kind === "folder" && src.children.map((node) => node.kind === "folder" && node.path)).toEqual([
    "a/b",
    "a/c",
  ]);
});
