// Ties a test to its row of docs/acp-mapping.md: the title says the row, and a test compares titles and table.

/** A test's title for a row of the table, named as its first column. */
export const row = (name: string, says: string): string => `ORC-29 ${name}: ${says}`;
