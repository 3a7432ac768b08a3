import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { gitFolderState } from "./test-workspace.ts";
import { treeOf, workspacesOfTest } from "./test-workspaces.ts";

const workspace = workspacesOfTest();

describe("an index that does not say what is in the folder", () => {
  it("ORC-34 files that git filters are taken and restored byte for byte, and no filter runs", async () => {
    const one = workspace();
    const content = "the large file's own bytes\n";
    const oid = createHash("sha256").update(content).digest("hex");
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${content.length}\n`;
    one.write("pointer", pointer);
    one.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    // What git-lfs does: the index holds the pointer, the folder the content.
    one.git("config", "filter.lfs.clean", `cat >/dev/null; cat ${join(one.root, "pointer")}`);
    one.git("config", "filter.lfs.required", "true");
    one.write("large.bin", content);
    one.settle();
    one.git("add", "-A");
    one.git("commit", "-qm", "first");
    expect(one.git("show", "HEAD:large.bin")).toBe(pointer);
    one.git("config", "filter.lfs.clean", "false");
    one.git("config", "filter.lfs.smudge", "false");

    const before = one.files();
    const ref = await one.capture(0);
    expect(one.git("cat-file", "blob", `${ref}:large.bin`)).toBe(content);
    one.write("large.bin", "changed");
    await one.revert(ref);
    expect(one.files()).toEqual(before);
  });

  it("ORC-34 line ends stay as they are in the folder, whatever the index made of them", async () => {
    const one = workspace();
    one.write(".gitattributes", "* text=auto\n*.bat eol=crlf\n");
    one.write("a.bat", "one\r\ntwo\r\n");
    one.write("b.txt", "one\ntwo\n");
    one.write("mixed.txt", "one\r\ntwo\n");
    one.settle();
    one.git("add", "-A");
    one.git("commit", "-qm", "first");
    const before = one.files();
    const ref = await one.capture(0);
    one.write("a.bat", "one\r\nthree\r\n");
    one.write("mixed.txt", "one\r\nthree\n");
    const toRef = await one.capture(1);
    const { files } = await one.checkpoints.diff({ workspaceRoot: one.root, fromRef: ref, toRef });
    expect(files.map((file) => [file.path, file.additions, file.deletions])).toEqual([
      ["a.bat", 1, 1],
      ["mixed.txt", 1, 1],
    ]);
    await one.revert(ref);
    expect(one.files()).toEqual(before);
  });

  it("ORC-35 execute permission is left alone where the repository does not track it", async () => {
    const one = workspace();
    one.git("config", "core.fileMode", "false");
    one.write("run.sh", "1", 0o755);
    const ref = await one.capture(0);
    one.write("run.sh", "2");
    await one.revert(ref);
    expect(one.files()).toEqual({ "run.sh": "executable 1" });
  });

  it("ORC-34 sees changes in files that the user told git to assume unchanged", async () => {
    const one = workspace();
    one.write("a", "1");
    one.write("b", "1");
    one.settle();
    one.git("add", "-A");
    one.git("update-index", "--assume-unchanged", "a");
    one.git("update-index", "--skip-worktree", "b");
    one.write("a", "2");
    one.write("b", "2");
    const ref = await one.capture(0);
    expect([one.git("show", `${ref}:a`), one.git("show", `${ref}:b`)]).toEqual(["2", "2"]);
  });

  it("ORC-34 a sparse checkout: absent files are no deletions, present ones are taken", async () => {
    const one = workspace();
    one.write("in/a", "1");
    one.write("out/b", "1");
    one.settle();
    one.git("add", "-A");
    one.git("commit", "-qm", "first");
    one.git("sparse-checkout", "set", "--cone", "--sparse-index", "in");
    expect(existsSync(join(one.root, "out"))).toBe(false);
    const before = gitFolderState(join(one.root, ".git"));
    const ref = await one.capture(0);
    one.write("in/a", "2");
    one.write("out/b", "present after all");
    const toRef = await one.capture(1);
    expect(gitFolderState(join(one.root, ".git"))).toEqual(before);
    const { files } = await one.checkpoints.diff({ workspaceRoot: one.root, fromRef: ref, toRef });
    expect(files.map((file) => `${file.status} ${file.path}`)).toEqual(["modified in/a", "modified out/b"]);
  });

  it("ORC-34 a split index", async () => {
    const one = workspace();
    for (let index = 0; index < 50; index += 1) one.write(`f${index}`, `${index}`);
    one.settle();
    one.git("add", "-A");
    one.git("update-index", "--split-index");
    one.write("f3", "changed");
    one.git("add", "f3");
    one.write("f4", "changed");
    expect(readdirSync(join(one.root, ".git")).some((name) => name.startsWith("sharedindex."))).toBe(true);
    const before = gitFolderState(join(one.root, ".git"));
    const ref = await one.capture(0);
    expect(gitFolderState(join(one.root, ".git"))).toEqual(before);
    expect(treeOf(one, ref)).toHaveLength(50);
    expect(one.git("show", `${ref}:f4`)).toBe("changed");
  });
});
