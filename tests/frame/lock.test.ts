// package-lock.json is complete and says what the package.json files say, so that `npm ci` accepts it everywhere.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compareWithManifests, completeLock, findHoles, type Lock, type Manifest } from "../../scripts/lock/model.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readJson = (path: string) => JSON.parse(readFileSync(`${root}/${path}`, "utf8"));

function readManifests(): Record<string, Manifest> {
  const folders = readdirSync(`${root}/packages`).map((name) => `packages/${name}`);
  return Object.fromEntries(["", ...folders].map((folder) => [folder, readJson(`${folder || "."}/package.json`)]));
}

const planted = (): Lock => ({
  lockfileVersion: 3,
  packages: {
    "": { devDependencies: { tool: "1.0.0" } },
    "node_modules/tool": {
      version: "1.0.0",
      dev: true,
      optionalDependencies: { "@tool/bin-linux-arm64-musl": "1.0.0", "@tool/bin-linux-x64-gnu": "1.0.0" },
    },
    "node_modules/@tool/bin-linux-x64-gnu": {
      version: "1.0.0",
      dev: true,
      optional: true,
      os: ["linux"],
      cpu: ["x64"],
    },
  },
});

describe("the lock of this repository", () => {
  test("has an entry for everything that its packages depend on (else run scripts/complete-lock.mjs)", () => {
    expect(findHoles(readJson("package-lock.json"))).toEqual([]);
  });

  test("says what the package.json files say", () => {
    const manifests = readManifests();
    expect(Object.keys(manifests).length).toBeGreaterThan(5);
    expect(compareWithManifests(readJson("package-lock.json"), manifests)).toEqual([]);
  });

  test("is not changed by completing it once more", () => {
    const lock = readJson("package-lock.json");
    expect(completeLock(lock)).toEqual({ lock, added: [] });
  });
});

describe("the check of a lock", () => {
  test("sees a platform package that the lock lacks", () => {
    expect(findHoles(planted())).toEqual([
      { parent: "node_modules/tool", name: "@tool/bin-linux-arm64-musl", range: "1.0.0", optional: true },
    ]);
  });

  test("sees a plain dependency that the lock lacks", () => {
    const lock = planted();
    lock.packages["node_modules/tool"] = { version: "1.0.0", dependencies: { gone: "^2.0.0" } };
    expect(findHoles(lock)).toEqual([{ parent: "node_modules/tool", name: "gone", range: "^2.0.0", optional: false }]);
  });

  test("finds a dependency that is nested beside its parent, as Node does", () => {
    const lock = planted();
    lock.packages["node_modules/tool"] = { version: "1.0.0", dependencies: { nested: "2.0.0" } };
    lock.packages["node_modules/tool/node_modules/nested"] = { version: "2.0.0" };
    expect(findHoles(lock)).toEqual([]);
  });

  test("sees a package.json that asks for something else than the lock says", () => {
    const manifests = { "": { devDependencies: { tool: "1.0.1" } }, "packages/new": {} };
    expect(compareWithManifests(planted(), manifests)).toEqual([
      "the root package: devDependencies tool is 1.0.1, the lock says 1.0.0.",
      "The lock has no entry for packages/new.",
    ]);
  });
});

describe("completing a lock", () => {
  test("adds the platform that the package's name states, and a second run adds nothing", () => {
    const first = completeLock(planted());
    expect(first.added).toEqual(["node_modules/@tool/bin-linux-arm64-musl"]);
    expect(first.lock.packages["node_modules/@tool/bin-linux-arm64-musl"]).toEqual({
      version: "1.0.0",
      cpu: ["arm64"],
      dev: true,
      libc: ["musl"],
      optional: true,
      os: ["linux"],
    });
    expect(completeLock(first.lock)).toEqual({ lock: first.lock, added: [] });
  });

  test("refuses to guess a version, a platform or a dependency that is not optional", () => {
    const withOptional = (name: string, range: string): Lock => ({
      lockfileVersion: 3,
      packages: { "node_modules/tool": { version: "1.0.0", optionalDependencies: { [name]: range } } },
    });
    expect(() => completeLock(withOptional("bin-linux-x64", "^1.0.0"))).toThrow("not one exact version");
    expect(() => completeLock(withOptional("something", "1.0.0"))).toThrow("states no platform");
    const lock = planted();
    lock.packages["node_modules/tool"] = { version: "1.0.0", dependencies: { gone: "2.0.0" } };
    expect(() => completeLock(lock)).toThrow("run npm install");
  });
});
