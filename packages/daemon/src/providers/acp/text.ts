// Cutting and cleaning of text from an agent, and reading of values whose shape nobody promised.
// Invariant: what leaves here fits the contract, is well-formed UTF-16 and holds no NUL (PostgreSQL stores neither).

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

export const clean = (text: string): string => text.toWellFormed().replaceAll("\0", "\uFFFD");

/** A slice keeps the whole text it was cut from in memory; this does not. */
const copyOf = (slice: string): string => Buffer.from(slice, "utf16le").toString("utf16le");

/** The beginning, never half a character. */
export const cutEnd = (text: string, maxCharacters: number): string => {
  if (text.length <= maxCharacters) return text;
  return copyOf(text.slice(0, isHighSurrogate(text.charCodeAt(maxCharacters - 1)) ? maxCharacters - 1 : maxCharacters));
};

/** The end, never half a character. */
export const cutStart = (text: string, maxCharacters: number): string => {
  if (text.length <= maxCharacters) return text;
  const start = text.length - maxCharacters;
  return copyOf(text.slice(isLowSurrogate(text.charCodeAt(start)) ? start + 1 : start));
};

/** Pieces of at most so many characters that together are the text. */
export const pieces = (text: string, maxCharacters: number): string[] => {
  const result: string[] = [];
  for (let rest = text; rest !== ""; ) {
    const piece = cutEnd(rest, Math.max(2, maxCharacters));
    result.push(piece);
    rest = rest.slice(piece.length);
  }
  return result;
};

export type Fields = Readonly<Record<string, unknown>>;

export const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
/** A whole number from zero, as counts of tokens and lines are. */
export const countOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER
    ? Math.floor(value)
    : undefined;
