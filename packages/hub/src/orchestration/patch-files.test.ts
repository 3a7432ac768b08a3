// What a diff's text says of its files is what git itself lists for the same two trees.
import { describe, expect, it } from "vitest";
import { filesOfPatch } from "./patch-files.ts";

/** As `git diff-tree --patch` printed it. */
const PATCH = [
  "diff --git a/bin b/bin",
  "index 106bf3ffedc65453d4c9249eb21f0cde1da4c0c1..0e010cb077bdc3c618847366bde8547da7b52f90 100644",
  "Binary files a/bin and b/bin differ",
  "diff --git a/dashes b/dashes",
  "index 70a30d2c7c1755e4f3893768725258384210bb8d..eea55b645ce6f5e8db38821be1dddc8cac1ae212 100644",
  "--- a/dashes",
  "+++ b/dashes",
  "@@ -1 +1 @@",
  "--- a",
  "+++ a",
  "diff --git a/edited b/edited",
  "index 814f4a422927b82f5f8a43f8fab6d3839e3983f2..ddc897f039f57aa91e16efa6dfde386c4255206f 100644",
  "--- a/edited",
  "+++ b/edited",
  "@@ -1,2 +1,3 @@",
  " one",
  "-two",
  "+TWO",
  "+three",
  "diff --git a/gone ü b/gone ü",
  "deleted file mode 100644",
  "index 587be6b4c3f93f93c489c0111bba5596147a26cb..0000000000000000000000000000000000000000",
  "--- a/gone ü\t",
  "+++ /dev/null",
  "@@ -1 +0,0 @@",
  "-x",
  'diff --git a/old name "b/new \\"name\\""',
  "similarity index 94%",
  "rename from old name",
  'rename to "new \\"name\\""',
  "index 0ff3bbb9c8bba2291654cd64067fa417ff54c508..d4de868f166881c4b312015004db3d4c27b0adce 100644",
  "--- a/old name\t",
  '+++ "b/new \\"name\\""\t',
  "@@ -18,3 +18,4 @@",
  " 18",
  " 19",
  " 20",
  "+21",
  "diff --git a/new empty b/new empty",
  "new file mode 100644",
  "index 0000000000000000000000000000000000000000..e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
  'diff --git "a/quo\\"te" "b/quo\\"te"',
  "index bca70f35318f31dd1d1d1d2d2e64c19b880899ff..73c52c3e3cfc5ae440c58f7e46b7df0aff0f3cbb 100644",
  '--- "a/quo\\"te"',
  '+++ "b/quo\\"te"',
  "@@ -1 +1 @@",
  "-q",
  "+Q",
  "diff --git a/run b/run",
  "old mode 100644",
  "new mode 100755",
  'diff --git "a/tab\\there" "b/tab\\there"',
  "deleted file mode 100644",
  "index ea0c8a85cb7293feae2c9e151d1d395be59b61fa..0000000000000000000000000000000000000000",
  '--- "a/tab\\there"',
  "+++ /dev/null",
  "@@ -1 +0,0 @@",
  "-q",
  "\\ No newline at end of file",
  "diff --git a/type b/type",
  "deleted file mode 100644",
  "index 718f4d2ff533cf8ead8d3556cf43912bd245fbc4..0000000000000000000000000000000000000000",
  "--- a/type",
  "+++ /dev/null",
  "@@ -1 +0,0 @@",
  "-t",
  "diff --git a/type b/type",
  "new file mode 120000",
  "index 0000000000000000000000000000000000000000..deb1bc2c60dc0eed5edb7e42cea94c7cb03c0050",
  "--- /dev/null",
  "+++ b/type",
  "@@ -0,0 +1 @@",
  "+edited",
  "\\ No newline at end of file",
  "",
].join("\n");

describe("the files of a stored diff", () => {
  it("are those that git lists: binary, renamed, changed in mode or kind, empty, with odd names (ORC-28)", () => {
    // path, status, additions, deletions, binary: from `git diff-tree --raw --numstat` of the same trees.
    expect(
      filesOfPatch(PATCH).map(({ path, previousPath, status, additions, deletions, binary }) => [
        ...[path, previousPath ?? null, status],
        ...[additions, deletions, binary],
      ]),
    ).toEqual([
      ["bin", null, "modified", null, null, true],
      ["dashes", null, "modified", 1, 1, false],
      ["edited", null, "modified", 2, 1, false],
      ["gone ü", null, "deleted", 0, 1, false],
      ['new "name"', "old name", "renamed", 1, 0, false],
      ["new empty", null, "added", 0, 0, false],
      ['quo"te', null, "modified", 1, 1, false],
      ["run", null, "modified", 0, 0, false],
      ["tab\there", null, "deleted", 0, 1, false],
      ["type", null, "type-changed", 1, 1, false],
    ]);
  });

  it("are read from a diff that was cut, and from an empty one", () => {
    const cut = PATCH.slice(0, PATCH.indexOf("diff --git a/edited"));
    expect(filesOfPatch(cut).map(({ path }) => path)).toEqual(["bin", "dashes"]);
    expect(filesOfPatch("")).toEqual([]);
  });

  it("have their names out of octal bytes too", () => {
    const patch = 'diff --git "a/gr\\303\\274n\\\\" "b/gr\\303\\274n\\\\"\nold mode 100644\nnew mode 100755\n';
    expect(filesOfPatch(patch)).toMatchObject([{ path: "grün\\", additions: 0, deletions: 0 }]);
  });
});
