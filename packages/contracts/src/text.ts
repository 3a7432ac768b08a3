// Text that every database and every reader can keep: well-formed UTF-16 without NUL. PostgreSQL takes no NUL, UTF-8 has
// no halves of surrogate pairs, and the same text must be the same in the log, in a row and at a reader. Names and paths
// that are not like that are refused, because another name would be another thing; what people and agents say is kept
// with U+FFFD in place of what cannot be, unit for unit, so that offsets count the same everywhere.
import { z } from "zod";

/** Levels of arrays and objects inside a node's command: far more than any has, and few enough to walk by recursion. */
export const JSON_DEPTH_MAX = 64;

export const NOT_STORABLE = "a text that names something has neither NUL nor half of a surrogate pair";

const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes("\0");

/** The text with U+FFFD for each NUL and each half of a surrogate pair; of the same length. */
export const storableText = (text: string): string =>
  isStorableText(text) ? text : text.toWellFormed().replaceAll("\0", "\uFFFD");

/**
 * A JSON value with every text and key as `storableText` makes it; the value itself where nothing had to change. Of two
 * keys that become one the later counts. What lies deeper than JSON_DEPTH_MAX is left as it is.
 */
export function storableJson<Value>(value: Value): Value {
  return storable(value, JSON_DEPTH_MAX) as Value;
}

function storable(value: unknown, depth: number): unknown {
  if (typeof value === "string") return storableText(value);
  if (typeof value !== "object" || value === null || depth === 0) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => storable(item, depth - 1));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  const fields = Object.entries(value);
  const kept = fields.map(([key, field]) => [storableText(key), storable(field, depth - 1)] as const);
  const isSame = kept.every(([key, field], index) => key === fields[index]?.[0] && field === fields[index]?.[1]);
  // Not by assignment: `__proto__` is a key like any other.
  return isSame ? value : Object.fromEntries(kept);
}

/** Whether a JSON value nests no deeper than JSON_DEPTH_MAX. */
export const isShallowJson = (value: unknown, depth: number = JSON_DEPTH_MAX): boolean =>
  typeof value !== "object" ||
  value === null ||
  (depth > 0 && Object.values(value).every((item) => isShallowJson(item, depth - 1)));

/** What somebody said: any text, kept as `storableText` makes it. */
export const spokenText = z.string().overwrite(storableText);

/** Paths of the texts in a JSON value that are not storable. */
export const unstorablePaths = (value: unknown, path: readonly PropertyKey[] = []): PropertyKey[][] => {
  if (typeof value === "string") return isStorableText(value) ? [] : [[...path]];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => unstorablePaths(item, [...path, index]));
  return Object.entries(value).flatMap(([key, item]) => unstorablePaths(item, [...path, key]));
};

/** A name, or what else says which thing is meant. */
export const namingText = z.string().refine(isStorableText, NOT_STORABLE);

/** Bytes of a text in UTF-8, counted without copying it; a lone surrogate counts as the replacement character's three. */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1))) {
      // A pair is two units and four bytes.
      bytes += 2;
      index += 1;
    } else bytes += 2;
  }
  return bytes;
}

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;
