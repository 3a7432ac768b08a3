// Whether rows that a declared statement found are what it declares: what no database tells of a text (whether an
// expression or a joined column may be null) shows in the rows that all tests read.
import { placeholder } from "../identifiers.ts";
import { type Columns, declaredStatements, type Query, type Row } from "../index.ts";
import { splitAtNames } from "../typed/statement.ts";

/** The text without what differs between dialects and with the length of lists. */
const shapeOf = (sql: string): string => sql.replaceAll(/\$\d+/g, "?").replaceAll(/\((?:\?(?:, \?)*|NULL)\)/g, "(?)");

const shapes = new Map<string, string>();
const declared = new Map<string, Columns[]>();
let known = 0;

function declarationsOf(sql: string): readonly Columns[] {
  for (const { row, sql: texts } of declaredStatements().slice(known)) {
    if (row === null) continue;
    for (const text of typeof texts === "string" ? [texts] : [texts.sqlite, texts.postgres]) {
      const { literals } = splitAtNames(text);
      const shape = shapeOf(literals.join(placeholder("sqlite", 0)));
      declared.set(shape, [...(declared.get(shape) ?? []), row]);
    }
  }
  known = declaredStatements().length;
  let shape = shapes.get(sql);
  if (shape === undefined) {
    shape = shapeOf(sql);
    shapes.set(sql, shape);
  }
  return declared.get(shape) ?? [];
}

function wrongIn(row: Row, columns: Columns): string | null {
  const names = Object.keys(columns);
  const found = Object.keys(row);
  if (names.join() !== found.join()) return `columns ${found.join(", ")} instead of ${names.join(", ")}`;
  for (const [name, { type, isNullable }] of Object.entries(columns)) {
    const value = row[name];
    const isRight = value === null ? isNullable : typeof value === (type === "text" ? "string" : "number");
    if (!isRight)
      return `${name} = ${String(value).slice(0, 40)} where ${isNullable ? "nullable " : ""}${type} is declared`;
  }
  return null;
}

/** What is wrong with the rows that the query found, in words; null where all is as declared, or nothing is. */
export function wrongRows(query: Query, rows: readonly object[]): string | null {
  const declarations = declarationsOf(query.sql);
  if (declarations.length === 0) return null;
  for (const row of rows as readonly Row[]) {
    const findings = declarations.map((columns) => wrongIn(row, columns));
    if (!findings.includes(null)) return `${query.sql.replaceAll(/\s+/g, " ").slice(0, 160)}: ${findings[0]}`;
  }
  return null;
}
