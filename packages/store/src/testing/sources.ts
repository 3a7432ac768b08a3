// All modules of a folder of sources, so that what they declare when they are loaded is there.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Tests, and what only tests use. */
const OF_TESTS = /\.test\.ts$|(^|\/)(testing\/|test-[^/]*$)/;

/** Loads every module below the folder of the URL that is part of the product. */
export async function loadSources(folder: URL): Promise<void> {
  const root = fileURLToPath(folder);
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" }))
    if (name.endsWith(".ts") && !OF_TESTS.test(name)) await import(`${root}${name}`);
}
