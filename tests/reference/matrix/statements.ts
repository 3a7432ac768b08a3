// Which source file writes and which reads a table, found in the SQL it holds: plain text, `insertInto`, `insertRows`
// and the row operations of projectors. Good enough to notice a reader or writer that a page leaves out.

export interface TableUse {
  readonly writes: readonly string[];
  readonly reads: readonly string[];
}

const WRITES = [
  /\b(?:INSERT INTO|INSERT OR IGNORE INTO|UPDATE|DELETE FROM)\s+([a-z_]+)/g,
  /\binsertInto\(\s*(?:[^,"]+,\s*)+"([a-z_]+)"/g,
  /\binsertRows\(\s*[^,]+,\s*"([a-z_]+)"/g,
  /\boperation: "[a-z]+";?,?\s*(?:readonly )?table: "([a-z_]+)"/g,
];
const READS = [/(?<!DELETE )\b(?:FROM|JOIN)\s+([a-z_]+)/g];
/** A statement whose table is a parameter reads every table that its file gives it. */
const GIVEN = /^ {2}table: "([a-z_]+)",$/gm;

const named = (source: string, patterns: readonly RegExp[]): ReadonlySet<string> =>
  new Set(patterns.flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1] ?? "")));

/** Table → the files that write it and those that read it, both in the order given. */
export function tableUses(
  tables: readonly string[],
  sources: readonly { readonly path: string; readonly text: string }[],
): ReadonlyMap<string, TableUse> {
  const found = sources.map(({ path, text }) => ({
    path,
    writes: named(text, WRITES),
    reads: named(text, text.includes("FROM ${") ? [...READS, GIVEN] : READS),
  }));
  return new Map(
    tables.map((table) => [
      table,
      {
        writes: found.filter(({ writes }) => writes.has(table)).map(({ path }) => path),
        reads: found.filter(({ reads }) => reads.has(table)).map(({ path }) => path),
      },
    ]),
  );
}
