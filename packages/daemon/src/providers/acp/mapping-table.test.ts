import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const here = new URL("./", import.meta.url);
const table = new URL("../../../../../docs/acp-mapping.md", here);

/** First column of every row, without the heads of the tables. */
const rowsOfTable = (): string[] =>
  readFileSync(table, "utf8")
    .split("\n")
    .flatMap((line) => /^\| (.+?) \|/.exec(line)?.[1] ?? [])
    .filter((cell) => cell !== "---" && !cell.startsWith("from the agent"));

const rowsOfTests = (): string[] =>
  readdirSync(here)
    .filter((name) => name.endsWith(".test.ts"))
    .flatMap((name) => [...readFileSync(new URL(name, here), "utf8").matchAll(/\brow\(\s*"([^"]+)"/g)])
    .map((match) => match[1] ?? "");

describe("the table of the mapping", () => {
  it("ORC-29 has a test for every row, and a row for every such test", () => {
    const rows = rowsOfTable();
    expect(rows.length).toBeGreaterThan(40);
    expect(new Set(rows).size).toBe(rows.length);
    expect(rowsOfTests().sort()).toEqual(rows.sort());
  });
});
