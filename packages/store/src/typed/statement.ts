// Statements written once in SQL, with the types of what they ask for and of what they find: whoever calls one gives
// values by name, and whoever reads its rows knows their columns. That a text does what its declaration says is proven
// on both databases by a test that walks through all declarations (`declaredStatements`).
import { type Dialect, placeholder } from "../identifiers.ts";
import {
  type CommitResult,
  type Parameter,
  type QueryOf,
  type SqlValue,
  type Statement,
  type StatementOf,
  StoreError,
} from "../port.ts";
import { STATEMENT_PARAMETERS_MAX } from "../statements.ts";
import type { Column, Columns, RowOf } from "./columns.ts";

/** Values of one column for `IN (:name)`, at most `max` of them. */
export interface List<Value extends SqlValue = SqlValue> {
  readonly each: Column<Value>;
  readonly max: number;
}

/** With its places a power of two, it stays below what a statement of SQLite may have. */
export const LIST_MAX = 2 ** Math.floor(Math.log2(STATEMENT_PARAMETERS_MAX));

/** Throws `invalid_statement` for a `max` above LIST_MAX. */
export const list = <Value extends SqlValue>(each: Column<Value>, max: number): List<Value> => {
  if (max > LIST_MAX) throw new StoreError("invalid_statement", `a list may have ${LIST_MAX} values, not ${max}`);
  return { each, max };
};

/** What a statement asks for, by the names that stand in its text as `:name`. */
export type Request = Readonly<Record<string, Column | List>>;

/** The values that are given for a request: these, and no others. */
export type ValuesOf<Asked extends Request> = [keyof Asked] extends [never]
  ? Readonly<Record<string, never>>
  : {
      readonly [Name in keyof Asked]: Asked[Name] extends List<infer Value>
        ? readonly Value[]
        : Asked[Name] extends Column<infer Value>
          ? Value
          : never;
    };

/** One text for both dialects, or one for each. */
export type StatementText = string | Readonly<Record<Dialect, string>>;

/** A declared query: its values by name make it one that a store runs. */
export type Select<Values, Found extends object> = (dialect: Dialect, values: Values) => QueryOf<Found>;

/** A declared change. */
export type Change<Values, Made extends Statement = Statement> = (
  dialect: Dialect,
  values: Values,
  options?: Pick<Statement, "expectChanges">,
) => Made;

/** A statement as it was declared. */
export interface Declaration {
  readonly kind: "select" | "change";
  readonly request: Request;
  /** Columns of the rows that it answers with; null for a change that answers with none. */
  readonly row: Columns | null;
  readonly sql: StatementText;
}

/** Of a process: statements are declared with their modules, never while it works. */
export const DECLARED_STATEMENTS_MAX = 2_000;

const declared: Declaration[] = [];

/** All statements of the modules that were loaded. */
export const declaredStatements = (): readonly Declaration[] => declared;

const isList = (asked: Column | List): asked is List => "each" in asked;

/** A name behind a colon: not the second colon of a cast, not behind a word, and not in a text in quotes, which is taken whole. */
const NAME = /'(?:[^']|'')*'|(?<![:\w]):([a-z][A-Za-z0-9]*)/g;

/** The names of a statement's values in order, and what stands around them: one part more than names. */
export function splitAtNames(sql: string): { readonly literals: readonly string[]; readonly names: readonly string[] } {
  const literals: string[] = [];
  const names: string[] = [];
  let end = 0;
  for (const found of sql.matchAll(NAME)) {
    const name = found[1];
    if (name === undefined) continue;
    literals.push(sql.slice(end, found.index));
    names.push(name);
    end = found.index + found[0].length;
  }
  literals.push(sql.slice(end));
  return { literals, names };
}

type Parsed = ReturnType<typeof splitAtNames>;

/** What a database would take for a value's place, and nobody would fill. Quoted texts and casts have gone. */
const PLACE = /[?@$]|:\w/;
const READS = /^\s*(?:SELECT|WITH)\b/i;

function parse(kind: Declaration["kind"], sql: string, request: Request): Parsed {
  const wrong = (why: string): never => {
    throw new StoreError("invalid_statement", `${why}: ${sql.trim().slice(0, 200)}`);
  };
  if (READS.test(sql) !== (kind === "select")) wrong(`that is no ${kind}`);
  if (/\bNOT\s+IN\s*\(\s*:/i.test(sql)) wrong("NOT IN finds nothing where its list is empty");
  const { literals, names } = splitAtNames(sql);
  if (PLACE.test(literals.join(" ").replaceAll(/'(?:[^']|'')*'|::/g, "")))
    wrong("values have names like :threadId in a declared statement");
  const unknown = names.find((name) => !Object.hasOwn(request, name));
  if (unknown !== undefined) wrong(`nobody gives a value for :${unknown}`);
  const unused = Object.keys(request).find((name) => !names.includes(name));
  if (unused !== undefined) wrong(`nothing is done with ${unused}`);
  return { literals, names };
}

/** Places that a list takes: a power of two, so that lists of any length have few texts. */
const placesFor = (count: number): number => 2 ** Math.ceil(Math.log2(count));

type Filled = { readonly sql: string; readonly parameters: readonly Parameter[] };
type Fill = (dialect: Dialect, values: Readonly<Record<string, Parameter | readonly SqlValue[]>>) => Filled;

const given = (values: Readonly<Record<string, unknown>>, name: string): unknown => {
  const value = values[name];
  if (value === undefined) throw new StoreError("invalid_statement", `no value was given for :${name}`);
  return value;
};

/** Of a statement without lists: its text is made once. */
function fillValues(
  { literals, names }: Parsed,
  dialect: Dialect,
): (values: Readonly<Record<string, unknown>>) => Filled {
  const sql = literals
    .map((literal, index) => literal + (index < names.length ? placeholder(dialect, index) : ""))
    .join("");
  return (values) => ({ sql, parameters: names.map((name) => given(values, name) as Parameter) });
}

function fillLists(
  { literals, names }: Parsed,
  request: Request,
  dialect: Dialect,
): (values: Readonly<Record<string, unknown>>) => Filled {
  const texts = new Map<string, string>();
  const textFor = (places: readonly (number | null)[]): string => {
    const key = places.join();
    let sql = texts.get(key);
    if (sql === undefined) {
      let next = 0;
      sql = literals[0] ?? "";
      for (const [index, count] of places.entries()) {
        const holes = Array.from({ length: count ?? 1 }, () => placeholder(dialect, next++));
        sql += (holes.join(", ") || "NULL") + (literals[index + 1] ?? "");
      }
      texts.set(key, sql);
    }
    return sql;
  };
  return (values) => {
    const parameters: Parameter[] = [];
    const places = names.map((name) => {
      const asked = request[name];
      if (asked === undefined || !isList(asked)) {
        parameters.push(given(values, name) as Parameter);
        return null;
      }
      const some = given(values, name) as readonly SqlValue[];
      if (some.length > asked.max)
        throw new StoreError("invalid_statement", `${some.length} values for :${name}, which takes ${asked.max}`);
      const last = some.at(-1);
      if (last === undefined) return 0;
      const count = placesFor(some.length);
      // The last value once more changes nothing of what is among them.
      for (let index = 0; index < count; index += 1) parameters.push(some[index] ?? last);
      return count;
    });
    return { sql: textFor(places), parameters };
  };
}

function declare(declaration: Declaration): Fill {
  if (declared.length >= DECLARED_STATEMENTS_MAX)
    throw new StoreError("invalid_statement", "statements are declared with their modules, not while a process works");
  declared.push(declaration);
  const { kind, sql, request } = declaration;
  const hasLists = Object.values(request).some(isList);
  const fillIn = (dialect: Dialect): ReturnType<typeof fillValues> => {
    const parsed = parse(kind, typeof sql === "string" ? sql : sql[dialect], request);
    return hasLists ? fillLists(parsed, request, dialect) : fillValues(parsed, dialect);
  };
  const fills = { sqlite: fillIn("sqlite"), postgres: fillIn("postgres") };
  return (dialect, values) => fills[dialect](values);
}

/**
 * Declares a query, with its module. Its text names values as `:name`, each as often as it likes. A list stands in
 * `IN (:name)`: an empty one finds nothing. Throws `invalid_statement` when text and request name different values.
 *
 *     const threadsOf = select({
 *       request: { projectId: text<ProjectId>() },
 *       row: pick(HUB_TABLES.projection_threads, "thread_id", "title"),
 *       sql: "SELECT thread_id, title FROM projection_threads WHERE project_id = :projectId",
 *     });
 *     const threads = await store.read(threadsOf(store.dialect, { projectId }));   // → readonly {thread_id, title}[]
 */
export function select<const Asked extends Request, const Found extends Columns>(declaration: {
  readonly request: Asked;
  readonly row: Found;
  readonly sql: StatementText;
}): Select<ValuesOf<Asked>, RowOf<Found>> {
  const fill = declare({ kind: "select", ...declaration });
  return (dialect, values) => fill(dialect, values) as QueryOf<RowOf<Found>>;
}

/** Declares a change, with its module; the same rules as for `select`. With a `row` its text ends with RETURNING. */
export function change<const Asked extends Request, const Found extends Columns>(declaration: {
  readonly request: Asked;
  readonly row: Found;
  readonly sql: StatementText;
}): Change<ValuesOf<Asked>, StatementOf<RowOf<Found>>>;
export function change<const Asked extends Request>(declaration: {
  readonly request: Asked;
  readonly sql: StatementText;
}): Change<ValuesOf<Asked>>;
export function change(declaration: {
  readonly request: Request;
  readonly row?: Columns;
  readonly sql: StatementText;
}): Change<Readonly<Record<string, Parameter | readonly SqlValue[]>>> {
  const { request, row = null, sql } = declaration;
  const fill = declare({ kind: "change", request, row, sql });
  const always = row === null ? {} : { returning: true };
  return (dialect, values, options) => ({ ...fill(dialect, values), ...always, ...options });
}

/**
 * What a statement of a batch gave back, in no order; nothing where the batch was not written. Throws `invalid_statement` for
 * one that is not in it.
 */
export function returnedRows<Found extends object>(
  result: CommitResult,
  statements: readonly Statement[],
  statement: StatementOf<Found>,
): readonly Found[] {
  if (result.status === "conflict") return [];
  const place = statements.indexOf(statement);
  if (place < 0) throw new StoreError("invalid_statement", "the batch has no such statement");
  return (result.rows[place] ?? []) as readonly object[] as readonly Found[];
}
