// The PostgreSQL text of number 1, made of its SQLite text by the rules below. They are part of number 1 and as fixed as
// it is: a store compares the checksum of what comes out. Later migrations write both texts down.

/**
 * Column types, so that rows are the same in both dialects, and texts sort by their bytes whatever the database's locale.
 * The ids in a payload are found by a pattern: PostgreSQL's JSON refuses the escapes of NUL and of half a surrogate
 * pair, which a streamed text may hold, and with them the row. Inside a JSON string a quote has a backslash before
 * it, so only a real field matches, and the payloads in question have no other of that name.
 */
const RULES: readonly (readonly [RegExp, string])[] = [
  [/\) STRICT(, WITHOUT ROWID)?$/, ")"],
  [/\bTEXT\b/g, 'TEXT COLLATE "C"'],
  [/\bINTEGER\b/g, "BIGINT"],
  [/json_extract\(payload_json, '\$\.(\w+)'\)/g, `substring(payload_json, '"$1":"([^"\\\\]*)"')`],
];

/** A reference to a table that comes later, on a line of its own. */
const FORWARD_REFERENCE = /,\n {2}(CONSTRAINT [^\n]* DEFERRABLE INITIALLY DEFERRED)/;

const columnsAndIndexes = (statement: string): string =>
  RULES.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), statement).replace(
    FORWARD_REFERENCE,
    "",
  );

const forwardReferences = (statement: string): readonly string[] => {
  const table = /^CREATE TABLE (\w+)/.exec(statement)?.[1];
  const reference = FORWARD_REFERENCE.exec(statement)?.[1];
  return table === undefined || reference === undefined ? [] : [`ALTER TABLE ${table} ADD ${reference}`];
};

export const postgresText = (sqlite: readonly string[]): readonly string[] => [
  ...sqlite.map(columnsAndIndexes),
  ...sqlite.flatMap(forwardReferences),
];
