// docs/matrix.md names, for every requirement of the event core, where it lives and which test holds it; its other two
// tables are made from the code. With UPDATE_REFERENCE=1 those are written anew; without, they are compared.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { coreTables, page, quoted, renderProjectors, renderTables, requirementsOf, sectionOf } from "./page.ts";
import { productSources, root } from "./sources.ts";
import { tableUses } from "./statements.ts";

/** The page of the specification ends with the thirty-eighth, whose time has not come. */
const IDS = Array.from({ length: 37 }, (_, index) => `ORC-${index + 1}`);

const sources = productSources();
const tables = coreTables();
const made = { Tables: renderTables(tables, sources), Projectors: renderProjectors(sources) };
if (process.env["UPDATE_REFERENCE"] === "1") {
  let text = readFileSync(page, "utf8");
  for (const [heading, section] of Object.entries(made)) {
    text = text.replace(`\n## ${heading}\n\n${sectionOf(text, heading)}`, `\n## ${heading}\n\n${section}`);
  }
  writeFileSync(page, text);
}
const text = readFileSync(page, "utf8");
const requirements = requirementsOf(text);
const pathOf = (name: string): string => `packages/${name.replace("/", "/src/")}`;
const isFile = (path: string): boolean => path.includes("/") && /\.(ts|tsx|md)$/.test(path);

describe("the matrix (ORC-14)", () => {
  test.each(Object.entries(made))("says of %s what the code says", (heading, section) => {
    expect(sectionOf(text, heading), "run this test with UPDATE_REFERENCE=1 to write it anew").toBe(section);
    expect(section.split("\n").length).toBeGreaterThan(8);
  });

  test("has one row for every requirement of the event core", () => {
    expect(requirements.map(({ id }) => id)).toEqual(IDS);
  });

  test.each(requirements.map((row) => [row.id, row] as const))(
    "names of %s only tables and columns that are",
    (_id, row) => {
      for (const name of quoted(row.tables)) {
        const [table = "", column] = name.split(".");
        if (table.startsWith("ingest_journal") || table === "effects_seen" || table === "provider_session_runtime")
          continue;
        expect([...tables.keys()], row.id).toContain(table);
        if (column !== undefined) expect(tables.get(table), name).toContain(column);
      }
    },
  );

  test.each(requirements.map((row) => [row.id, row] as const))("names of %s only files that are", (_id, row) => {
    const files = [row.writer, row.reader, row.module].flatMap(quoted).filter(isFile);
    expect(quoted(row.module).length, "a module").toBeGreaterThan(0);
    for (const file of files) expect(existsSync(`${root}${pathOf(file)}`), file).toBe(true);
  });

  test.each(requirements.map((row) => [row.id, row] as const))("names of %s tests that name it", (id, row) => {
    const named = quoted(row.test);
    expect(named.length).toBeGreaterThan(0);
    for (const file of named) {
      const path = file.startsWith("tests/") ? file : pathOf(file);
      expect(existsSync(`${root}${path}`), file).toBe(true);
      expect(readFileSync(`${root}${path}`, "utf8"), `${file} has no test with ${id} in its title`).toMatch(
        new RegExp(`${id}(?![0-9])`),
      );
    }
  });
});

describe("who uses a table", () => {
  const uses = (source: string) => tableUses(["entries"], [{ path: "file", text: source }]).get("entries");

  test.each([
    ["`INSERT INTO entries (id) VALUES (?)`", true, false],
    ['"UPDATE entries SET id = ?"', true, false],
    ['"DELETE FROM entries"', true, false],
    ['insertRows(dialect, "entries", columns, rows)', true, false],
    ['insertInto(dialect, HUB_TABLES, "entries", rows)', true, false],
    ['insertRows(\n  this.#store.dialect,\n  "entries",', true, false],
    ['{ operation: "insert", table: "entries", row }', true, false],
    ['"SELECT * FROM entries WHERE id = ?"', false, true],
    ["`SELECT 1 FROM other o JOIN entries e ON true`", false, true],
    ['"SELECT * FROM entries_of_another"', false, false],
    ["// entries are read elsewhere", false, false],
  ])("is seen in %s", (source, writes, reads) => {
    expect(uses(source)).toEqual({ writes: writes ? ["file"] : [], reads: reads ? ["file"] : [] });
  });
});
