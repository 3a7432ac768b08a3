// Text of agents and people on its way to a terminal: whatever it holds, it can move no cursor, set no title and
// turn no direction. And how wide it is there.
import { stripVTControlCharacters } from "node:util";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Shown two columns wide: East Asian wide forms and pictures. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Safe to print; lines and tabs stay. */
export const safeText = (text: string): string => stripVTControlCharacters(text).replace(CONTROLS, "");

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are the one thing that may reach a terminal
const COLOUR = /\u001b\[[0-9;]*m/;
const COLOURS_AND_CONTROLS = new RegExp(`${COLOUR.source}|${CONTROLS.source}`, "g");

/** Of a text that holds colours of our own, whatever else would move the cursor is left out. */
export const colouredText = (text: string): string =>
  text.replace(COLOURS_AND_CONTROLS, (found) => (COLOUR.test(found) ? found : ""));

/** What is inside JSON as an escape: a terminal that shows the line obeys nothing in it. */
export const safeJson = (value: unknown): string =>
  JSON.stringify(value).replace(CONTROLS, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Safe to print as one line, its spaces as they are: a name with a line break is no second line. */
export const wholeLine = (text: string): string => safeText(text).replace(/[\n\u2028\u2029]/g, " ");

/** Safe to print inside a line. */
export const oneLine = (text: string): string => safeText(text).replace(/\s+/g, " ").trim();

export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** At most `width` columns, the cut marked by an ellipsis. For text without colours. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let result = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += WIDE.test(segment) ? 2 : 1;
    if (used > width - 1) break;
    result += segment;
  }
  return `${result.trimEnd()}…`;
}

/** `1 thread`, `2 threads`. */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : plural}`;

const SIZE_UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** `820 bytes`, `3.2 KiB`, `140 MiB`. */
export function sizeText(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (Math.abs(size) >= 1_024 && unit < SIZE_UNITS.length - 1) {
    size /= 1_024;
    unit += 1;
  }
  const digits = unit > 0 && Math.abs(size) < 10 ? 1 : 0;
  return `${size.toFixed(digits)} ${SIZE_UNITS[unit]}`;
}
