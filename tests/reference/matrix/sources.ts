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
  /\.tsx?$/.test(path) && !/\.test\.tsx?$|\/testing\/|\/test-[a-z-]+\.ts$|\/schema\//.test(path);

export const productSources = (): readonly Source[] =>
  ["core", "hub", "daemon"].flatMap((name) =>
    readdirSync(`${root}packages/${name}/src`, { recursive: true, encoding: "utf8" })
      .map((file) => `packages/${name}/src/${file}`)
      .filter(isProduct)
      .sort()
      .map((path) => ({ path, text: readFileSync(`${root}${path}`, "utf8") })),
  );
