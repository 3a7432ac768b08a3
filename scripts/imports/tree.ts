// Reads a repository's sources and package.json files for the import check.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseFile } from "./parse.ts";
import { checkImports, type PackageManifest, type SourceFile } from "./rules.ts";

const skipped = new Set(["node_modules", "dist", "coverage"]);
const folders = ["packages", "scripts", "tests", "simulation", "bench"];

export interface Checked {
  files: number;
  problems: string[];
}

export function checkTree(root: string): Checked {
  const files = folders.flatMap((folder) => sourcesUnder(root, folder)).map((path) => readSource(root, path));
  const packages = existsSync(join(root, "packages")) ? readdirSync(join(root, "packages")).sort() : [];
  const manifests = Object.fromEntries(
    ["", ...packages.map((name) => `packages/${name}`)].map((folder) => [
      folder,
      readManifest(join(root, folder, "package.json")),
    ]),
  );
  return { files: files.length, problems: checkImports(files, manifests) };
}

function sourcesUnder(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).sort((left, right) =>
    left.name < right.name ? -1 : 1,
  );
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory())
      return skipped.has(entry.name) || entry.name.startsWith(".") ? [] : sourcesUnder(root, path);
    return /\.(ts|tsx|mts|mjs|js)$/.test(entry.name) ? [path] : [];
  });
}

function readSource(root: string, path: string): SourceFile {
  return { path, ...parseFile(path, readFileSync(join(root, path), "utf8")) };
}

function readManifest(path: string): PackageManifest {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as PackageManifest) : {};
}
