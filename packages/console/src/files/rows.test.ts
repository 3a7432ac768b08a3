// The tree of a project's files as lines, and the keys that move on it.
import type { FileEntry, FileTree } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { type FolderState, onTreeKey, type Row, visibleRows } from "./rows.ts";

const entry = (path: string, kind: FileEntry["kind"] = "file", leadsTo: FileEntry["leadsTo"] = null): FileEntry => ({
  ...{ path, kind, leadsTo, sizeBytes: kind === "file" ? 1 : null, isCut: kind === "folder" },
});
const tree = (path: string, entries: FileEntry[], truncated = false): FolderState => ({
  tree: { path, entries, truncated } satisfies FileTree,
});
const KNOWN: Readonly<Record<string, FolderState>> = {
  "": tree("", [entry("src", "folder"), entry("to-src", "link", "folder"), entry("a.ts"), entry("out", "link")]),
  src: tree("src", [entry("src/deep", "folder"), entry("src/b.ts")], true),
  "src/deep": tree("src/deep", []),
};
const rows = (...open: string[]): Row[] => visibleRows(new Set(open), (folder) => KNOWN[folder] ?? {});
const told = (row: Row): string =>
  `${"  ".repeat(row.level - 1)}${row.kind === "notice" ? `(${row.notice})` : `${row.name}${row.isFolder ? "/" : ""}`}`;

describe("the lines of a tree", () => {
  it("NOD-22 are what is in the open folders, with what is to be said of each", () => {
    expect(rows().map(told)).toEqual(["src/", "to-src/", "a.ts", "out"]);
    expect(rows("src", "src/deep", "to-src").map(told)).toEqual([
      "src/",
      "  deep/",
      "    (empty)",
      "  b.ts",
      "  (truncated)",
      "to-src/",
      "  (loading)",
      "a.ts",
      "out",
    ]);
    const failed = visibleRows(new Set(), () => ({ error: new Error("away") }));
    expect(failed).toMatchObject([{ notice: "failed", folder: "", error: { message: "away" } }]);
  });

  it("have ids of their own, also where names that are no text look alike", () => {
    const alike = visibleRows(new Set(), () =>
      tree("", [entry("\uFFFD", "other"), entry("\uFFFD", "other"), entry("\uFFFD")]),
    );
    expect(new Set(alike.map(({ id }) => id)).size).toBe(3);
  });
});

describe("a key", () => {
  const all = rows("src", "src/deep");
  const at = (path: string, key: string) => onTreeKey(all, `entry:${path}`, key);
  it.each([
    ["src", "ArrowDown", { focus: "entry:src/deep" }],
    ["src/deep", "ArrowDown", { focus: "entry:src/b.ts" }],
    ["src", "ArrowUp", {}],
    ["out", "ArrowDown", {}],
    ["a.ts", "Home", { focus: "entry:src" }],
    ["src", "End", { focus: "entry:out" }],
    ["src", "ArrowRight", { focus: "entry:src/deep" }],
    ["src/deep", "ArrowRight", {}],
    ["to-src", "ArrowRight", { toggle: "to-src" }],
    ["a.ts", "ArrowRight", {}],
    ["src", "ArrowLeft", { toggle: "src" }],
    ["src/b.ts", "ArrowLeft", { focus: "entry:src" }],
    ["a.ts", "ArrowLeft", {}],
    ["a.ts", "x", null],
    ["gone", "ArrowDown", null],
  ] as const)("on %s, %s does what trees do", (path, key, outcome) => {
    expect(at(path, key)).toEqual(outcome);
  });
});
