// Trees and files as a terminal and a pipe get them.
import type { FileContent, FileEntry } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { plainPaint } from "../shell.ts";
import { contentOutput, treeText } from "./files.ts";

const entry = (path: string, more: Partial<FileEntry> = {}): FileEntry => ({
  ...{ path, kind: "file", leadsTo: null, sizeBytes: 820, isCut: false },
  ...more,
});
const folder = (path: string): FileEntry => entry(path, { kind: "folder", sizeBytes: null });

describe("a tree", () => {
  test("NOD-22 is drawn with what each folder holds, and counted", () => {
    const entries = [
      folder("src"),
      folder("src/deep"),
      entry("src/deep/a.ts"),
      entry("src/b.ts", { sizeBytes: 3_300 }),
      entry("link", { kind: "link", leadsTo: "folder", sizeBytes: null }),
      entry("out", { kind: "link", sizeBytes: null }),
      entry("pipe", { kind: "other", sizeBytes: null }),
    ];
    expect(treeText({ path: "", entries, truncated: false }, plainPaint)).toBe(
      [
        "├── src/",
        "│   ├── deep/",
        "│   │   └── a.ts 820 bytes",
        "│   └── b.ts 3.2 KiB",
        "├── link (link to folder)",
        "├── out (link to nothing in here)",
        "└── pipe (cannot be shown)",
        "2 folders, 5 files",
        "",
      ].join("\n"),
    );
  });

  test("NOD-22 of a folder below begins there, says when it is cut, and moves no cursor", () => {
    const entries = [entry("a/b/one\n\u001b[2Jtwo")];
    expect(treeText({ path: "a/b", entries, truncated: true }, plainPaint)).toBe(
      "└── one two 820 bytes\n… more than fits: 0 folders, 1 file shown\n",
    );
    expect(treeText({ path: "", entries: [], truncated: false }, plainPaint)).toBe("0 folders, 0 files\n");
  });
});

describe("a file", () => {
  const file = (content: string, encoding: FileContent["encoding"] = "utf-8"): FileContent => ({
    ...{ path: "a", sizeBytes: 3, encoding, content, modifiedAt: "2026-01-01T00:00:00.000Z" },
  });

  test("NOD-22 goes into a pipe byte for byte, and to a terminal without what would steer it", () => {
    const text = "\uFEFFa\u001b[2J\u0007";
    expect(contentOutput(file(text), false)).toEqual(Buffer.from(text));
    expect(contentOutput(file("if8A", "base64"), false)).toEqual(Buffer.from([0x89, 0xff, 0x00]));
    expect(contentOutput(file("one\u001b[2J\u0007"), true)).toBe("one\n");
    expect(contentOutput(file(""), true)).toBe("");
  });

  test("NOD-22 that is no text is refused on a terminal, with what to do", () => {
    expect(() => contentOutput(file("if8A", "base64"), true)).toThrow(
      expect.objectContaining({ code: "validation_failed", message: expect.stringContaining("3 bytes") }),
    );
  });
});
