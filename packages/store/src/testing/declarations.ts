// Whether declared statements do what their declarations say, as the databases themselves see it: SQLite prepares the
// text and names its columns; PostgreSQL prepares it, tells the type of every value, and answers with typed columns.
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import { placeholder } from "../identifiers.ts";
import { type Column, type Columns, type Declaration, type Dialect, text } from "../index.ts";
import type { OpenedSchema } from "../postgres/testing.ts";
import { splitAtNames } from "../typed/statement.ts";

/** Tables of the database by name. */
export type Tables = Readonly<Record<string, Columns>>;

/** What is wrong, a line each; nothing where all is as declared. */
export type Findings = readonly string[];

const textOf = ({ sql }: Declaration, dialect: Dialect): string => (typeof sql === "string" ? sql : sql[dialect]);
const shown = (sql: string): string => sql.replaceAll(/\s+/g, " ").trim().slice(0, 120);

/** The text with a value's place for each of its names, and the names in order. */
function withPlaces(
  declaration: Declaration,
  dialect: Dialect,
): { readonly sql: string; readonly names: readonly string[] } {
  const { literals, names } = splitAtNames(textOf(declaration, dialect));
  const places = names.map((_name, index) => placeholder(dialect, index));
  return { sql: literals.map((literal, index) => literal + (places[index] ?? "")).join(""), names };
}

const askedOf = ({ request }: Declaration, name: string): Column => {
  const asked = request[name] ?? text();
  return "each" in asked ? asked.each : asked;
};

function compareNames(declared: readonly string[], found: readonly string[]): Findings {
  return declared.join() === found.join()
    ? []
    : [`declares ${declared.join(", ")} and answers with ${found.join(", ")}`];
}

/** The statements on a database file with the schema. */
export function checkOnSqlite(file: string, tables: Tables, declarations: readonly Declaration[]): Findings {
  const database = new DatabaseSync(file, { readOnly: true });
  const findingsOf = (declaration: Declaration): Findings => {
    const row = declaration.row ?? {};
    const columns = database.prepare(withPlaces(declaration, "sqlite").sql).columns();
    const findings = [
      ...comparedWith(declaration, tables),
      ...compareNames(
        Object.keys(row),
        columns.map(({ name }) => name),
      ),
    ];
    for (const { name, table, column, type } of columns) {
      const declared = row[name];
      if (declared === undefined || table === null || column === null) continue;
      if (type?.toLowerCase() !== declared.type) findings.push(`${name} is ${type} and not ${declared.type}`);
      const source = tables[table]?.[column];
      if (source?.isNullable === true && !declared.isNullable && declared.isRequired !== true)
        findings.push(`${name} may be null`);
    }
    return findings;
  };
  try {
    return declarations.flatMap((declaration) => described(declaration, "sqlite", () => findingsOf(declaration)));
  } finally {
    database.close();
  }
}

/** `column = :name` and the like: SQLite itself does not tell what a value is compared with. */
const COMPARED = /(?:\b\w+\.)?\b([a-z_]+) (?:=|<>|<|>|<=|>=) :([a-z][A-Za-z0-9]*)/g;

/** Values that are compared with columns of another type, where all tables agree on a column's type. */
function comparedWith(declaration: Declaration, tables: Tables): Findings {
  return [...textOf(declaration, "sqlite").matchAll(COMPARED)].flatMap(([, column = "", name = ""]) => {
    const types = new Set(Object.values(tables).flatMap((table) => table[column]?.type ?? []));
    const [type] = types;
    const asked = askedOf(declaration, name);
    return types.size === 1 && type !== asked.type ? [`:${name} is compared with ${type} and not ${asked.type}`] : [];
  });
}

function described(declaration: Declaration, dialect: Dialect, find: () => Findings): Findings {
  const where = shown(textOf(declaration, dialect));
  try {
    return find().map((finding) => `${where}: ${finding}`);
  } catch (error) {
    return [`${where}: ${String(error)}`];
  }
}

/** Of `pg_type`: what an adapter gives as a number, and what as text. */
const INTEGERS: ReadonlySet<number> = new Set([20, 21, 23, 26, 1700]);
const TEXTS: ReadonlySet<number> = new Set([25, 705, 1043, 19, 18]);
const PARAMETERS = {
  integer: new Set(["bigint", "numeric"]),
  text: new Set(["text", "character varying", "name"]),
};

/** The statements in a schema on a server. Nothing is changed: they run on no values at all, in a transaction that is undone. */
export async function checkOnPostgres(
  { options }: Pick<OpenedSchema, "options">,
  declarations: readonly Declaration[],
): Promise<Findings> {
  const client = new Client(options);
  await client.connect();
  const findings: string[] = [];
  try {
    await client.query(`SET search_path TO "${options.schema}"`);
    for (const declaration of declarations) {
      const where = shown(textOf(declaration, "postgres"));
      try {
        for (const finding of await findingsOnPostgres(client, declaration)) findings.push(`${where}: ${finding}`);
      } catch (error) {
        findings.push(`${where}: ${String(error)}`);
        await client.query("ROLLBACK");
      }
    }
  } finally {
    await client.end();
  }
  return findings;
}

async function findingsOnPostgres(client: Client, declaration: Declaration): Promise<Findings> {
  const { sql, names } = withPlaces(declaration, "postgres");
  await client.query("BEGIN");
  await client.query(`PREPARE declared AS ${sql}`);
  const { rows } = await client.query<{ types: string }>(
    "SELECT array_to_string(parameter_types, ',') AS types FROM pg_prepared_statements WHERE name = 'declared'",
  );
  // Only the planner looks for the index of an ON CONFLICT.
  const nothing = names.map(() => "NULL").join(", ");
  await client.query(`EXPLAIN EXECUTE declared${nothing === "" ? "" : `(${nothing})`}`);
  await client.query("DEALLOCATE declared");
  const types = (rows[0]?.types ?? "").split(",").filter((type) => type !== "");
  const findings: string[] = names.flatMap((name, index) => {
    const { type } = askedOf(declaration, name);
    return PARAMETERS[type].has(types[index] ?? "") ? [] : [`:${name} is ${types[index]} and not ${type}`];
  });
  if (declaration.row !== null) {
    const { fields } = await client.query({ text: sql, values: names.map(() => null) });
    findings.push(
      ...compareNames(
        Object.keys(declaration.row),
        fields.map(({ name }) => name),
      ),
    );
    for (const { name, dataTypeID } of fields) {
      const declared = declaration.row[name];
      if (declared !== undefined && !(declared.type === "integer" ? INTEGERS : TEXTS).has(dataTypeID))
        findings.push(`${name} has type ${dataTypeID} and is not ${declared.type}`);
    }
  }
  await client.query("ROLLBACK");
  return findings;
}
