// The records of decisions: each has a number of its own, none is missing, and its heading says the same.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL("../../docs/adr/", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".md"));

test("decisions are numbered one after the other, in their names and in their headings", () => {
  expect(files.length).toBeGreaterThan(0);
  expect(files.map((name) => Number(name.slice(0, 4))).sort((one, other) => one - other)).toEqual(
    files.map((_name, index) => index + 1),
  );
  for (const name of files)
    expect(readFileSync(`${folder}${name}`, "utf8"), name).toMatch(new RegExp(`^# ${Number(name.slice(0, 4))}\\. `));
});
