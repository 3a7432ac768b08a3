// The map of the code shows the code: folders that it lists are there, none is missing, and files it names exist.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(`${root}ARCHITECTURE.md`, "utf8");

const rows = [...page.matchAll(/^\| `([a-z/]+)` \| (.+?) \|/gm)].map(([, folder = "", what = ""]) => ({
  folder: folder.replace(/\/$/, ""),
  what,
}));

const foldersIn = (path: string): string[] =>
  readdirSync(`${root}${path}`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

describe("the map of the code", () => {
  test("has every package and every folder of the repository's own code", () => {
    const listed = rows.map(({ folder }) => folder);
    expect(listed.filter((folder) => folder.startsWith("packages/")).toSorted()).toEqual(
      foldersIn("packages")
        .map((name) => `packages/${name}`)
        .toSorted(),
    );
    for (const folder of listed) expect(readdirSync(`${root}${folder}`).length, folder).toBeGreaterThan(0);
  });

  test.each(["packages/hub", "packages/daemon"])("lists every folder inside %s", (folder) => {
    const what = rows.find((row) => row.folder === folder)?.what ?? "";
    const inside = [...(/`([a-z/ ]+\/)`/.exec(what)?.[1]?.matchAll(/([a-z]+)\//g) ?? [])].map(([, name]) => name);
    expect(inside.toSorted()).toEqual(foldersIn(`${folder}/src`).toSorted());
  });

  test("names files and folders that exist", () => {
    const files = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).split("\n");
    const named = [...page.matchAll(/`([a-z/.-]+\.ts)`/g)].map(([, name = ""]) => name);
    expect(named.length).toBeGreaterThan(20);
    const isThere = (name: string): boolean =>
      files.some((file) => `/${file.replace(/^packages\//, "").replace("/src/", "/")}`.endsWith(`/${name}`));
    expect(named.filter((name) => !isThere(name))).toEqual([]);
  });
});
