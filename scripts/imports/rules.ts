// Who may import whom. The table is the architecture's diagram; a new package has no place in it until someone
// decides on one. Pure: files and manifests in, sentences out.
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import type { ParsedFile } from "./parse.ts";

export interface SourceFile extends ParsedFile {
  /** Relative to the repository, with forward slashes. */
  path: string;
}

export interface PackageManifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/** Package → the packages of this repository that it may import. */
const mayImport: Record<string, readonly string[]> = {
  contracts: [],
  core: ["contracts"],
  store: ["contracts", "core"],
  streams: ["contracts", "core"],
  client: ["contracts", "core"],
  hub: ["contracts", "core", "store", "streams"],
  daemon: ["contracts", "core", "store", "streams"],
  console: ["contracts", "core", "client"],
  cli: ["contracts", "core", "store", "streams", "client", "hub", "daemon"],
};
/** They run in a browser and in the simulated world, so Node is not there. */
const withoutNode = new Set(["contracts", "core"]);
/** Time and chance are arguments here. */
const pure = new Set(["core"]);
/** Their folders are capabilities, each with an index.ts as its only door. */
const withCapabilities = new Set(["hub", "daemon"]);
/** Each of their folders with one of these names implements the package's port. */
const withAdapters = new Set(["store", "streams"]);
const adapters = new Set(["sqlite", "postgres", "jetstream", "memory"]);

const scope = "@muster/";

/** Sentences, `path:line: what is wrong`, in the files' order; also when there is nothing to check. */
export function checkImports(files: SourceFile[], manifests: Record<string, PackageManifest>): string[] {
  if (!files.some((file) => file.path.startsWith("packages/"))) return ["No source file was found under packages/."];
  return files.flatMap((file) => {
    const at = (line: number, text: string) => `${file.path}:${line}: ${text}`;
    if (file.error) return [at(1, `cannot be parsed: ${file.error}`)];
    const owner = ownerOf(file.path);
    if (owner !== undefined && !mayImport[owner]) return [at(1, `packages/${owner} has no place in the import order.`)];
    const found = file.imports.flatMap(({ text, line }) => {
      const problem = text.startsWith(".")
        ? checkRelative(file.path, owner, text)
        : checkBare(file.path, owner, text, manifests);
      return problem ? [at(line, problem)] : [];
    });
    if (owner !== undefined && pure.has(owner) && !isTest(file.path)) {
      found.push(
        ...file.impurities.map(({ text, line }) => at(line, `${text} in ${owner}: take time and chance as arguments.`)),
      );
    }
    return found;
  });
}

function checkRelative(path: string, owner: string | undefined, specifier: string): string | undefined {
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  const targetOwner = ownerOf(target);
  if (targetOwner !== owner) {
    if (owner === undefined && isTest(path)) return undefined;
    return `${specifier} leaves its package; import the other one by its name.`;
  }
  if (owner === undefined || isTest(path)) return undefined;
  const from = folderOf(path);
  const to = folderOf(target);
  if (from === to || to === undefined) return undefined;
  if (withAdapters.has(owner) && adapters.has(from ?? "") && adapters.has(to))
    return `the ${from} adapter imports the ${to} adapter.`;
  const door = `packages/${owner}/src/${to}/index.ts`;
  if (withCapabilities.has(owner) && target !== door) return `${specifier} goes past ${to}/index.ts.`;
  return undefined;
}

function checkBare(
  path: string,
  owner: string | undefined,
  specifier: string,
  manifests: Record<string, PackageManifest>,
): string | undefined {
  if (isBuiltin(specifier)) {
    const forbidden = owner !== undefined && withoutNode.has(owner) && !isTest(path);
    return forbidden ? `${specifier} in ${owner}, which runs without Node.` : undefined;
  }
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const target = name.startsWith(scope) ? name.slice(scope.length) : undefined;
  if (path.startsWith("scripts/bootstrap")) return `${name}: nothing is installed when the bootstrap runs.`;
  if (owner === undefined) {
    return target !== undefined || isDeclared(name, manifests[""], true)
      ? undefined
      : `${name} is not declared in package.json.`;
  }
  if (target !== undefined && target !== owner && !mayImport[owner]?.includes(target))
    return `${owner} may not import ${target}.`;
  // Tests may use the root's tools; what is bundled or configured may use the package's own.
  const isTooling = isTest(path) || owner === "console" || !path.startsWith(`packages/${owner}/src/`);
  const declared =
    name === `${scope}${owner}` ||
    isDeclared(name, manifests[`packages/${owner}`], isTooling) ||
    (isTooling && target === undefined && isDeclared(name, manifests[""], true));
  return declared ? undefined : `${name} is not declared in packages/${owner}/package.json.`;
}

function isDeclared(name: string, manifest: PackageManifest | undefined, withDev: boolean): boolean {
  const { dependencies, devDependencies, optionalDependencies, peerDependencies } = manifest ?? {};
  const lists = [dependencies, optionalDependencies, peerDependencies, withDev ? devDependencies : undefined];
  return lists.some((list) => list?.[name] !== undefined);
}

/** `core` for packages/core/…; undefined for what belongs to the repository itself. */
function ownerOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** `mesh` for packages/hub/src/mesh/…; undefined for a file right under src. */
function folderOf(path: string): string | undefined {
  return /^packages\/[^/]+\/src\/([^/]+)\//.exec(path)?.[1];
}

/** Tests, a port's conformance suite, and what only they use. */
export function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || /(^|\/)((conformance|testing|tests)\/|test-[^/]+\.ts$)/.test(path);
}
