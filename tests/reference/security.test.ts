// Every line of the threat model names the test that holds it; this test finds each of them by file and title.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = await readFile(`${root}docs/security.md`, "utf8");

/** Heading → folder that the paths of its table start from. */
const FOLDERS: Readonly<Record<string, string>> = {
  "Threats to the hub's HTTP server": "packages/hub/src",
  "Threats on a node": "packages/daemon/src",
  "Threats at the command line": "packages/cli/src",
};

const rowsUnder = (heading: string): readonly (readonly string[])[] => {
  const section = page.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};

const threats = Object.entries(FOLDERS).flatMap(([heading, folder]) =>
  rowsUnder(heading).map(([threat = "", , held = ""]) => ({ threat, folder, held })),
);

describe("the threat model", () => {
  test("has a table under each of its headings", () => {
    for (const heading of Object.keys(FOLDERS)) expect(rowsUnder(heading).length, heading).toBeGreaterThan(3);
    expect(page.match(/^## Threats/gm)).toHaveLength(Object.keys(FOLDERS).length);
  });

  test.each(threats.map((line) => [line.threat, line] as const))("is held by a test: %s", async (_threat, line) => {
    const [, file = "", title = ""] = /^`([^`]+)`: (.+)$/.exec(line.held) ?? [];
    expect(file, "a cell of the form `file`: title").not.toBe("");
    const source = await readFile(`${root}${line.folder}/${file}`, "utf8");
    expect(source.includes(title), `${file} has no test "${title}"`).toBe(true);
  });
});
