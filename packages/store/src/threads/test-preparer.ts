// A module that prepares answers, as the tests of the threads need one: the rows of a query as JSON, nothing, or a failure;
// and one that works at a scratch: statements, then the rows of a query.
import type { Prepare, Query, Statement, Work } from "../port.ts";

export const prepare: Prepare = async (reads, request) => {
  const { sql } = request as { readonly sql: string | null };
  if (sql === null) return null;
  if (sql === "a mistake") throw new TypeError("a mistake of the module");
  return new TextEncoder().encode(JSON.stringify(await reads.read({ sql, parameters: [] })));
};

export const work: Work = async (bench, request) => {
  const { statements, query } = request as { readonly statements: readonly Statement[]; readonly query?: Query };
  if (statements.length > 0) await bench.commit({ guards: [], statements });
  return query === undefined ? null : await bench.read(query);
};
