// A checkout of Muster in another version: the sources as they are here, with another version in their manifests, and what they
// depend on by links. A program knows its version from its manifest alone, so its processes are of that version.
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./muster.ts";

/** No command of a machine needs the page, and none the tests. */
const LEFT_OUT = /\/(?:packages\/console|node_modules|dist|testing|[^/]+\.test\.tsx?)$/;

/** Makes it in the folder, which must not be there yet, and gives its `muster`. */
export function checkoutOf(version: string, folder: string): string {
  const packages = join(folder, "packages");
  cpSync(join(repository, "packages"), packages, { recursive: true, filter: (source) => !LEFT_OUT.test(source) });
  const scope = join(folder, "node_modules/@muster");
  mkdirSync(scope, { recursive: true });
  for (const name of readdirSync(packages)) {
    const path = join(packages, name, "package.json");
    const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...manifest, version }));
    symlinkSync(join(packages, name), join(scope, name));
  }
  for (const name of readdirSync(join(repository, "node_modules"))) {
    // Of the hidden ones none is a package; what is compiled is kept by each checkout for itself.
    if (name === "@muster" || name.startsWith(".")) continue;
    symlinkSync(join(repository, "node_modules", name), join(folder, "node_modules", name));
  }
  return join(packages, "cli/bin/muster.mjs");
}
