// The import check goes red on what it forbids and on nothing to check, and green on this repository.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkTree } from "../../scripts/imports/tree.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "muster-imports-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What the check says about a tree of these files, in which packages declare each other and the root declares vitest. */
function check(files: Record<string, string>): string[] {
  const dependencies = Object.fromEntries(
    ["contracts", "core", "store", "client", "hub", "daemon", "cli"].map((name) => [`@muster/${name}`, "0.1.0"]),
  );
  const manifest = JSON.stringify({ dependencies });
  const owners = new Set(Object.keys(files).flatMap((path) => /^packages\/[^/]+/.exec(path) ?? []));
  const manifests = Object.fromEntries([...owners].map((owner) => [`${owner}/package.json`, manifest]));
  const rootManifest = JSON.stringify({ devDependencies: { vitest: "5.1.1" } });
  for (const [path, text] of Object.entries({ "package.json": rootManifest, ...manifests, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return checkTree(root).problems;
}

describe("this repository", () => {
  test("has no forbidden import", () => {
    const { files, problems } = checkTree(fileURLToPath(new URL("../..", import.meta.url)));
    expect(files).toBeGreaterThan(20);
    expect(problems).toEqual([]);
  });
});

describe("the direction between packages", () => {
  test.each([
    ["core", "store"],
    ["contracts", "core"],
    ["hub", "daemon"],
    ["daemon", "hub"],
    ["store", "hub"],
    ["console", "hub"],
    ["hub", "cli"],
    ["hub", "client"],
  ])("%s may not import %s", (from, to) => {
    expect(check({ [`packages/${from}/src/a.ts`]: `import "@muster/${to}";` })).toEqual([
      `packages/${from}/src/a.ts:1: ${from} may not import ${to}.`,
    ]);
  });

  test.each([
    ["core", "contracts"],
    ["hub", "store"],
    ["client", "core"],
    ["cli", "daemon"],
    ["cli", "client"],
  ])("%s may import %s", (from, to) => {
    expect(check({ [`packages/${from}/src/a.ts`]: `import "@muster/${to}";` })).toEqual([]);
  });

  test.each([
    'import type { A } from "@muster/hub";',
    'export { a } from "@muster/hub";',
    'export * from "@muster/hub/deep";',
    'const a = await import("@muster/hub");',
    "const a = await import(`@muster/hub`);",
    'let a: import("@muster/hub").A;',
    'import a = require("@muster/hub");',
    'const a = require("@muster/hub");',
  ])("is seen in %s", (text) => {
    expect(check({ "packages/daemon/src/a.ts": `// a comment\n${text}` })).toEqual([
      "packages/daemon/src/a.ts:2: daemon may not import hub.",
    ]);
  });

  test("is not seen in comments and strings", () => {
    const text = '// import "@muster/hub";\nexport const a = \'import "@muster/hub"\';';
    expect(check({ "packages/daemon/src/a.ts": text })).toEqual([]);
  });

  test("a relative path does not lead around it", () => {
    expect(check({ "packages/daemon/src/a.ts": 'import "../../hub/src/a.ts";' })).toEqual([
      "packages/daemon/src/a.ts:1: ../../hub/src/a.ts leaves its package; import the other one by its name.",
    ]);
  });

  test("a package without a place in the order is refused", () => {
    expect(check({ "packages/newcomer/src/a.ts": "" })).toEqual([
      "packages/newcomer/src/a.ts:1: packages/newcomer has no place in the import order.",
    ]);
  });
});

describe("inside packages", () => {
  test("a capability of the hub or the daemon is entered through its index.ts alone", () => {
    const problems = check({
      "packages/hub/src/mesh/a.ts":
        'import "../nodes/index.ts"; import "./inner/b.ts";\nimport "../nodes/registry.ts";',
      "packages/hub/src/main.ts": 'import "./mesh/a.ts";',
    });
    expect(problems).toEqual([
      "packages/hub/src/main.ts:1: ./mesh/a.ts goes past mesh/index.ts.",
      "packages/hub/src/mesh/a.ts:2: ../nodes/registry.ts goes past nodes/index.ts.",
    ]);
  });

  test("adapters do not import each other", () => {
    expect(check({ "packages/store/src/sqlite/a.ts": 'import "../port.ts"; import "../postgres/b.ts";' })).toEqual([
      "packages/store/src/sqlite/a.ts:1: the sqlite adapter imports the postgres adapter.",
    ]);
  });

  test("core takes no Node module, no clock, no timer and no chance; its tests may", () => {
    const impure =
      'import "node:fs";\nDate.now();\nnew Date();\nMath.random();\nsetTimeout(f, 1);\nglobalThis.setTimeout(f);\nnew Date(0);';
    expect(check({ "packages/core/src/a.ts": impure, "packages/core/src/a.test.ts": impure })).toEqual([
      "packages/core/src/a.ts:1: node:fs in core, which runs without Node.",
      ...["2: Date.now", "3: new Date()", "4: Math.random", "5: setTimeout()", "6: globalThis.setTimeout"].map(
        (text) => `packages/core/src/a.ts:${text} in core: take time and chance as arguments.`,
      ),
    ]);
  });

  test("contracts takes no Node module", () => {
    expect(check({ "packages/contracts/src/a.ts": 'import "fs";' })).toEqual([
      "packages/contracts/src/a.ts:1: fs in contracts, which runs without Node.",
    ]);
  });
});

describe("declarations", () => {
  test("what a file imports is in its package's package.json; a test may use the root's tools", () => {
    const text = 'import { z } from "zod/v4";\nimport "vitest";';
    expect(check({ "packages/hub/src/a.ts": text, "packages/hub/src/a.test.ts": 'import "vitest";' })).toEqual([
      "packages/hub/src/a.ts:1: zod is not declared in packages/hub/package.json.",
      "packages/hub/src/a.ts:2: vitest is not declared in packages/hub/package.json.",
    ]);
  });

  test("the bootstrap imports nothing that must be installed first", () => {
    const problems = check({ "scripts/bootstrap/a.mjs": 'import "vitest";', "packages/core/src/a.ts": "" });
    expect(problems).toEqual(["scripts/bootstrap/a.mjs:1: vitest: nothing is installed when the bootstrap runs."]);
  });
});

describe("the check itself", () => {
  test("is red when it sees no file", () => {
    expect(check({})).toEqual(["No source file was found under packages/."]);
    expect(check({ "scripts/a.ts": "" })).toEqual(["No source file was found under packages/."]);
  });

  test("is red on a file that it cannot parse", () => {
    expect(check({ "packages/core/src/a.ts": "import {" })[0]).toContain("packages/core/src/a.ts:1: cannot be parsed");
  });
});
