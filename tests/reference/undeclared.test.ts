// Hand-written SQL is declared, so that its values and rows have types that both databases have confirmed. Here is what
// keeps it so: who builds a query of text and places, or reads rows of any columns, is named with the reason.
import { describe, expect, test } from "vitest";
import { sourcesOf } from "./matrix/sources.ts";

/** Mostly texts over tables that are made while the hub works, built from the schemas. */
const WITH_REASON: Readonly<Record<string, string>> = {
  "packages/hub/src/orchestration/facts.ts": "keeps the rows of any question, as the guards of the append",
  "packages/hub/src/orchestration/log-pages.ts": "reads rows by the key of any projection, in a rebuild's tables too",
  "packages/hub/src/orchestration/projection-writer.ts": "writes any projection, in a rebuild's tables too",
  "packages/hub/src/orchestration/shadow-tables.ts": "makes, compares and swaps the tables of a rebuild",
  "packages/daemon/src/home/lock.ts": "holds a lock by an open transaction on an empty file",
};

/** Listings of a database's catalogue are for tests; migrations have a text that never changes. */
const isOther = (path: string): boolean => /\/schema\/(migrations\/|listing|sample-rows)/.test(path);
const sources = sourcesOf("hub", "daemon", "cli").filter(({ path }) => !isOther(path));

const makesQueries = (text: string): boolean =>
  /(?<![^.]\.)\bparameters\b|\binsertRows\(|\bfrom "(?:pg|node:sqlite)"/.test(
    text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, ""),
  );
const readsAnyRow = (text: string): boolean =>
  [...text.matchAll(/import (?:type )?\{([^}]*)\} from "@muster\/store"/g)].some(([, names = ""]) =>
    /\bRow\b/.test(names),
  );

describe("ORC-14 every statement is declared, and every row read by its schema", () => {
  test("in all sources but those that build texts over tables of a moment", () => {
    const found = sources.filter(({ text }) => makesQueries(text) || readsAnyRow(text)).map(({ path }) => path);
    expect(found).toEqual(Object.keys(WITH_REASON));
  });

  test.each([
    ['{ sql: "SELECT 1", parameters: [] }', true],
    ["const { sql, parameters } = query;", true],
    ["// the parameters of a query", false],
    ["threadOf(dialect, { threadId })", false],
  ])("sees that %s makes a query: %s", (text, isSeen) => {
    expect(makesQueries(text)).toBe(isSeen);
  });

  test.each([
    ['import { type Row, type Store } from "@muster/store";', true],
    ['import type { RowOf, Store } from "@muster/store";', false],
  ])("sees that %s reads rows of any columns: %s", (text, isSeen) => {
    expect(readsAnyRow(text)).toBe(isSeen);
  });
});
