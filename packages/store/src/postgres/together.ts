// Questions of one text asked together: a batch asks the same few things of every command in it, and for the server a
// statement costs more than a row. Each text becomes one statement over the list of its parameters, whose text does not
// depend on how many there are, so that it stays prepared.
import type { Query, Row, SqlValue } from "../port.ts";
import type { Answer, Command } from "./connection.ts";

/** Fewer questions of one text are asked one by one. */
const TOGETHER_MIN = 3;
/** A question that asks for more than this is asked alone: over lists of 500 keys each, four took 600 ms in place of 30. */
const PARAMETERS_MAX = 8;
/** Which of the questions a row answers, counted from 1. No table has a column of this name. */
const PLACE = "asked_place";

export interface Together {
  readonly commands: readonly Command[];
  /** The rows of each query, in the order of the queries. */
  readonly rowsOf: (answers: readonly Answer[]) => readonly (readonly Row[])[];
}

/** The type of a list that holds such values; undefined for what is asked alone. */
const listTypeOf = (value: SqlValue): string | undefined => {
  if (typeof value === "string") return "text[]";
  return typeof value === "bigint" || Number.isInteger(value) ? "bigint[]" : undefined;
};

/** Undefined where the query is asked alone: without parameters, with many, or with one where no column may stand. */
const kindOf = ({ sql, parameters }: Query): string | undefined => {
  if (parameters.length > PARAMETERS_MAX) return undefined;
  const types = parameters.map(listTypeOf);
  if (types.length === 0 || types.includes(undefined) || /\b(?:LIMIT|OFFSET)\s+\$/i.test(sql)) return undefined;
  return `${types.join()} ${sql}`;
};

/** Nothing behind OFFSET 0 is taken apart by the planner: each question is answered by itself, by its index. */
const commandOf = (queries: readonly Query[]): Command => {
  const [{ sql, parameters }] = queries as readonly [Query];
  const lists = parameters.map((value, index) => `$${index + 1}::${listTypeOf(value)}`);
  const names = parameters.map((_value, index) => `asked_${index + 1}`);
  const question = sql.replace(/\$(\d+)/g, (_hole, number: string) => `asked.asked_${number}`);
  return {
    sql: `SELECT asked.${PLACE}, answer.* FROM unnest(${lists.join(", ")}) WITH ORDINALITY AS asked(${[...names, PLACE].join(", ")})
      CROSS JOIN LATERAL (SELECT * FROM (${question}) AS question OFFSET 0) AS answer`,
    lists: parameters.map((_value, index) => queries.map((query) => query.parameters[index] ?? null)),
  };
};

const split = (rows: readonly Row[], count: number): readonly (readonly Row[])[] => {
  const sets: Row[][] = Array.from({ length: count }, () => []);
  for (const { [PLACE]: place, ...row } of rows) sets[Number(place) - 1]?.push(row);
  return sets;
};

/** How to ask them all with few statements. */
export const askTogether = (queries: readonly Query[]): Together => {
  const groups = new Map<string, number[]>();
  for (const [index, query] of queries.entries()) {
    const kind = kindOf(query);
    const key = kind ?? String(index);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [index]);
    else group.push(index);
  }
  const asked = [...groups.values()].flatMap((places) =>
    places.length < TOGETHER_MIN ? places.map((one) => [one]) : [places],
  );
  const of = (places: readonly number[]): readonly Query[] => places.map((place) => queries[place] as Query);
  return {
    commands: asked.map((places) => (places.length === 1 ? (of(places)[0] as Query) : commandOf(of(places)))),
    rowsOf: (answers) => {
      const all: (readonly Row[])[] = new Array(queries.length);
      for (const [index, places] of asked.entries()) {
        const rows = answers[index]?.rows ?? [];
        const sets = places.length === 1 ? [rows] : split(rows, places.length);
        for (const [at, place] of places.entries()) all[place] = sets[at] ?? [];
      }
      return all;
    },
  };
};
