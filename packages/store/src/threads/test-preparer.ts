// A module that prepares answers, as the tests of the threads need one: the rows of a query as JSON, nothing, or a failure.
import type { Prepare } from "../port.ts";

export const prepare: Prepare = async (reads, request) => {
  const { sql } = request as { readonly sql: string | null };
  if (sql === null) return null;
  if (sql === "a mistake") throw new TypeError("a mistake of the module");
  return new TextEncoder().encode(JSON.stringify(await reads.read({ sql, parameters: [] })));
};
