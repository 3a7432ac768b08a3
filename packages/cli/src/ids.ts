// Ids as people use them: shown by their last characters, which are the random ones of a UUIDv7, and taken by any
// beginning or end that fits one thing alone.
import { type ErrorCode, MusterError } from "@muster/contracts";
import { refusal } from "./errors.ts";
import { oneLine } from "./output/text.ts";

const SHOWN_CHARACTERS = 8;
const CANDIDATES_SHOWN = 5;

/** Safe to print: a machine chooses its own id. */
export const shortId = (id: string): string => {
  const shown = oneLine(id);
  return shown.length <= SHOWN_CHARACTERS + 2 ? shown : shown.slice(-SHOWN_CHARACTERS);
};

/** As they are made; one in capitals is looked up, because ids are told apart by case. */
const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

/** True for an id that needs no list to be understood. */
export const isWholeId = (given: string): boolean => isUuid(given);

/** A beginning or an end of the id, in any case. */
export const fitsId = (id: string, given: string): boolean => {
  const wanted = given.toLowerCase();
  return id.toLowerCase().startsWith(wanted) || id.toLowerCase().endsWith(wanted);
};

export interface Choice {
  readonly id: string;
  /** What a person knows it by. */
  readonly title: string;
}

export interface WantedId {
  readonly given: string;
  /** One of these, in the singular: `thread`. */
  readonly noun: string;
  /** What the title of a choice is, where it may be given in place of the id: `title`, `host name`. */
  readonly named?: string;
  readonly missing: ErrorCode;
}

/**
 * The one choice that `given` means: by its whole id, else by its name, else by a part of its id. Throws `validation_failed` when it
 * could be several, `missing` when it is none.
 */
export function matchId<Found extends Choice>(wanted: WantedId, choices: readonly Found[]): Found {
  const { given, noun, named, missing } = wanted;
  const exact = choices.find(({ id }) => id === given);
  if (exact) return exact;
  if (given === "") throw new MusterError(missing, `What was given to name the ${noun} is empty.`);
  const titled = named === undefined ? [] : choices.filter(({ title }) => title === given);
  const fitting = titled.length > 0 ? titled : choices.filter(({ id }) => fitsId(id, given));
  const [only] = fitting;
  if (only === undefined) {
    const name = named === undefined ? "an id" : `the ${named} "${given}", or an id`;
    throw new MusterError(
      missing,
      `No ${noun} has ${name} that begins or ends with ${named === undefined ? `"${given}"` : "it"}.`,
    );
  }
  if (fitting.length > 1) {
    const shown = fitting.slice(0, CANDIDATES_SHOWN).map(({ id, title }) => `${id} (${title})`);
    const more = fitting.length > shown.length ? `, and ${fitting.length - shown.length} more` : "";
    throw refusal(
      "validation_failed",
      `"${given}" could be ${fitting.length} ${noun}s: ${shown.join(", ")}${more}.`,
      "Give more of the id.",
      { candidates: fitting.map(({ id }) => id) },
    );
  }
  return only;
}
