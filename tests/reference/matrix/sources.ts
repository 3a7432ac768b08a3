// The product's own sources, without tests and what only tests use.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface Source {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
}

const isProduct = (path: string): boolean =>
  /\.tsx?$/.test(path) && !/\.test\.tsx?$|\/testing\/|\/test-[a-z-]+\.ts$/.test(path);

export const sourcesOf = (...packages: readonly string[]): readonly Source[] =>
  packages.flatMap((name) =>
    readdirSync(`${root}packages/${name}/src`, { recursive: true, encoding: "utf8" })
      .map((file) => `packages/${name}/src/${file}`)
      .filter(isProduct)
      .sort()
      .map((path) => ({ path, text: readFileSync(`${root}${path}`, "utf8") })),
  );

/** What reads and writes tables. How they are made is not asked here. */
export const productSources = (): readonly Source[] =>
  sourcesOf("core", "hub", "daemon").filter(({ path }) => !path.includes("/schema/"));
