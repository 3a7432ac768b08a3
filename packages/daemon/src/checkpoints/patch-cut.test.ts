import { describe, expect, it } from "vitest";
import { cutPatch } from "./patch-cut.ts";

const FILE_A = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n@@ -9 +9 @@\n-x\n+y\n";
const FILE_B = "diff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -1 +1 @@\n-1\n+2\n";
const cut = (text: string, maxBytes: number, isComplete = true) =>
  cutPatch(Buffer.from(text), { maxBytes, isComplete });

describe("cutPatch", () => {
  it("ORC-9 leaves a patch that fits as it is", () => {
    expect(cut(FILE_A, 1000)).toEqual({ patch: FILE_A, truncated: false });
  });

  it("ORC-9 cuts between hunks, and before a file whose first hunk does not fit", () => {
    expect(cut(FILE_A, FILE_A.length - 1).patch).toBe(FILE_A.slice(0, FILE_A.indexOf("@@ -9")));
    expect(cut(FILE_A + FILE_B, FILE_A.length + FILE_B.length - 1)).toEqual({ patch: FILE_A, truncated: true });
  });

  it("ORC-9 gives nothing rather than half of a first hunk", () => {
    expect(cut(FILE_B, FILE_B.length - 1)).toEqual({ patch: "", truncated: true });
  });

  it("ORC-9 is not misled by content that looks like a header", () => {
    const tricky = `${FILE_B} diff --git a/c b/c\n+@@ -1 +1 @@\n`;
    expect(cut(tricky, tricky.length - 1).patch).toBe("");
  });

  it("ORC-9 at every size ends at a boundary and within the limit", () => {
    const whole = FILE_A + FILE_B + FILE_A;
    const ends = new Set([
      0,
      FILE_A.indexOf("@@ -9"),
      FILE_A.length,
      FILE_A.length + FILE_B.length,
      FILE_A.length + FILE_B.length + FILE_A.indexOf("@@ -9"),
    ]);
    for (let maxBytes = 0; maxBytes < whole.length; maxBytes += 1) {
      const { patch } = cut(whole, maxBytes);
      expect(patch.length).toBeLessThanOrEqual(maxBytes);
      expect(ends).toContain(patch.length);
    }
  });

  it("ORC-9 a patch that git was stopped in loses its last, possibly half, hunk", () => {
    expect(cut(FILE_A + FILE_B, 10_000, false)).toEqual({ patch: FILE_A, truncated: true });
  });
});
