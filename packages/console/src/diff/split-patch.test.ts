// A diff of many files, cut file by file, with the paths git gives them.
import { describe, expect, test } from "vitest";
import { splitPatch } from "./split-patch.ts";

const paths = (diff: string): string[] => splitPatch(diff).map(({ path }) => path);

describe("a diff is cut into files", () => {
  test("named by the path after the change", () => {
    const diff =
      "diff --git a/one.ts b/one.ts\n--- a/one.ts\n+++ b/one.ts\n@@ -1 +1 @@\n-a\n+b\ndiff --git a/two.ts b/two.ts\nnew file mode 100644\n--- /dev/null\n+++ b/two.ts\n@@ -0,0 +1 @@\n+c\n";
    expect(paths(diff)).toEqual(["one.ts", "two.ts"]);
    expect(splitPatch(diff)[0]?.text.endsWith("+b\n")).toBe(true);
  });

  test("named by the path before the change when it was deleted", () => {
    expect(
      paths(
        "diff --git a/gone.ts b/gone.ts\ndeleted file mode 100644\n--- a/gone.ts\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
      ),
    ).toEqual(["gone.ts"]);
  });

  test("also where a file was only renamed, is binary or is empty", () => {
    const renamed =
      "diff --git a/old name.ts b/new name.ts\nsimilarity index 100%\nrename from old name.ts\nrename to new name.ts\n";
    const binary =
      "diff --git a/logo.png b/logo.png\nindex 1..2 100644\nBinary files a/logo.png and b/logo.png differ\n";
    const empty = "diff --git a/a folder/empty b/a folder/empty\nnew file mode 100644\nindex 0000000..e69de29\n";
    expect(paths(renamed + binary + empty)).toEqual(["new name.ts", "logo.png", "a folder/empty"]);
    expect(splitPatch(binary)[0]?.hasHunks).toBe(false);
  });

  test("with paths that git had to quote", () => {
    const diff =
      'diff --git "a/gr\\303\\274n \\"x\\".ts" "b/gr\\303\\274n \\"x\\".ts"\n--- "a/gr\\303\\274n \\"x\\".ts"\n+++ "b/gr\\303\\274n \\"x\\".ts"\n@@ -1 +1 @@\n-a\n+b\n';
    expect(paths(diff)).toEqual(['grün "x".ts']);
  });

  test("not where a changed line only looks like a head", () => {
    const diff =
      "diff --git a/notes b/notes\n--- a/notes\n+++ b/notes\n@@ -1,2 +1,2 @@\n-diff --git a/x b/x\n+++ b/other\n";
    expect(paths(diff)).toEqual(["notes"]);
  });
});
