import { chmodSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isCheckpointError } from "./index.ts";
import { DIFF_JSON_MAX_CHARACTERS } from "./limits.ts";
import { type TestWorkspace, THREAD } from "./test-workspace.ts";
import { workspacesOfTest } from "./test-workspaces.ts";

const workspace = workspacesOfTest();

async function diffAfter(one: TestWorkspace, change: () => void) {
  const fromRef = await one.capture(0);
  change();
  const toRef = await one.capture(1);
  return one.checkpoints.diff({ workspaceRoot: one.root, fromRef, toRef });
}

describe("diff", () => {
  it("ORC-28 of a checkpoint with itself is empty", async () => {
    const one = workspace();
    one.write("a", "1");
    const ref = await one.capture(0);
    const diff = await one.checkpoints.diff({ workspaceRoot: one.root, fromRef: ref, toRef: ref });
    expect(diff).toEqual({ files: [], diff: "", truncated: false });
  });

  it("is cut so far that it can travel, however many characters of it JSON has to escape", async () => {
    const one = workspace();
    const line = `${"\u001b".repeat(99)}\n`;
    const { files, diff, truncated } = await diffAfter(one, () => {
      one.write("a small.txt", "text\n");
      one.write("b large.txt", line.repeat(15_000));
    });
    expect(files.map(({ path }) => path)).toEqual(["a small.txt", "b large.txt"]);
    expect(truncated).toBe(true);
    expect(diff).toContain("+text");
    expect(JSON.stringify(diff).length).toBeLessThanOrEqual(DIFF_JSON_MAX_CHARACTERS);
  });

  it("ORC-9 lists added, modified, deleted, renamed and type-changed files with counts", async () => {
    const one = workspace();
    const long = Array.from({ length: 50 }, (_, line) => `line ${line}\n`).join("");
    one.write("modified.txt", "a\nb\n");
    one.write("deleted.txt", "gone\n");
    one.write("old name.txt", long);
    one.write("becomes-link", "x\n");
    const { files, diff, truncated } = await diffAfter(one, () => {
      one.write("modified.txt", "a\nc\nd\n");
      rmSync(join(one.root, "deleted.txt"));
      renameSync(join(one.root, "old name.txt"), join(one.root, "new name.txt"));
      one.write("new name.txt", `${long}one more\n`);
      rmSync(join(one.root, "becomes-link"));
      symlinkSync("modified.txt", join(one.root, "becomes-link"));
      one.write("added.txt", "1\n2\n");
    });
    expect(truncated).toBe(false);
    expect(files).toEqual([
      { path: "added.txt", status: "added", additions: 2, deletions: 0, binary: false },
      { path: "becomes-link", status: "type-changed", additions: 1, deletions: 1, binary: false },
      { path: "deleted.txt", status: "deleted", additions: 0, deletions: 1, binary: false },
      { path: "modified.txt", status: "modified", additions: 2, deletions: 1, binary: false },
      {
        path: "new name.txt",
        previousPath: "old name.txt",
        status: "renamed",
        additions: 1,
        deletions: 0,
        binary: false,
      },
    ]);
    expect(diff).toContain("rename from old name.txt\nrename to new name.txt\n");
  });

  it("ORC-9 shows a mode change and marks binary files", async () => {
    const one = workspace();
    one.write("run.sh", "echo\n", 0o644);
    one.write("image", Buffer.from([0, 1, 2, 3]));
    const { files, diff } = await diffAfter(one, () => {
      chmodSync(join(one.root, "run.sh"), 0o755);
      one.write("image", Buffer.from([0, 1, 2, 4]));
    });
    expect(files).toEqual([
      { path: "image", status: "modified", additions: null, deletions: null, binary: true },
      { path: "run.sh", status: "modified", additions: 0, deletions: 0, binary: false },
    ]);
    expect(diff).toContain("old mode 100644\nnew mode 100755\n");
    expect(diff).toContain("Binary files a/image and b/image differ\n");
  });

  it("ORC-9 keeps names with spaces, quotes, newline, tab and Unicode, also of renamed files", async () => {
    const one = workspace();
    const odd = ["a b", 'q"uote', "new\nline", "tab\t", "grün 🎉"];
    for (const name of odd) one.write(`from/${name}`, `${name}\n`.repeat(20));
    const { files } = await diffAfter(one, () => renameSync(join(one.root, "from"), join(one.root, "to")));
    expect(files.map((file) => [file.previousPath, file.path, file.status, file.additions])).toEqual(
      odd
        .toSorted((a, b) => (Buffer.from(a) < Buffer.from(b) ? -1 : 1))
        .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map((name) => [`from/${name}`, `to/${name}`, "renamed", 0]),
    );
  });

  it("ORC-9 is not changed by the repository's diff settings or attributes", async () => {
    const one = workspace();
    one.git("config", "diff.noprefix", "true");
    one.git("config", "diff.context", "0");
    one.git("config", "diff.renames", "false");
    one.git("config", "color.ui", "always");
    one.git("config", "diff.mnemonicPrefix", "true");
    one.write(".gitattributes", "*.txt -diff\n");
    one.write("a.txt", "1\n2\n3\n");
    const { diff, files } = await diffAfter(one, () => one.write("a.txt", "1\n2\n4\n"));
    expect(files).toEqual([{ path: "a.txt", status: "modified", additions: 1, deletions: 1, binary: false }]);
    expect(diff.split("\n").slice(2)).toEqual([
      "--- a/a.txt",
      "+++ b/a.txt",
      "@@ -1,3 +1,3 @@",
      " 1",
      " 2",
      "-3",
      "+4",
      "",
    ]);
  });

  it("ORC-9 cuts the text at the start of a file or hunk and says so; the list stays whole", async () => {
    const one = workspace({ limits: { maxDiffBytes: 10_000 } });
    for (let index = 0; index < 50; index += 1) one.write(`f${index}`, "x\n");
    const { files, diff, truncated } = await diffAfter(one, () => {
      for (let index = 0; index < 50; index += 1) one.write(`f${index}`, "grün\n".repeat(100));
    });
    expect(files).toHaveLength(50);
    expect(truncated).toBe(true);
    expect(Buffer.byteLength(diff)).toBeLessThanOrEqual(10_000);
    const parts = diff.split(/^(?=diff --git )/m);
    expect(parts.length).toBeGreaterThan(5);
    for (const part of parts) expect(part).toMatch(/@@ -1 \+1,100 @@\n-x\n(\+grün\n){100}$/);
  });

  it("ORC-28 of a checkpoint that does not exist is checkpoint_missing", async () => {
    const one = workspace();
    const ref = await one.capture(0);
    const missing = `refs/muster/checkpoints/${THREAD}/turn/7`;
    const failure = await one.checkpoints
      .diff({ workspaceRoot: one.root, fromRef: ref, toRef: missing as never })
      .catch((error: unknown) => error);
    expect(isCheckpointError(failure, "checkpoint_missing") && failure.details.checkpointRef).toBe(missing);
  });
});
