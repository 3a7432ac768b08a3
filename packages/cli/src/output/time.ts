// Times as a person says them. Pure: the present is an argument.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `just now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`, and the date for what is older than a month. */
export function ago(time: string | null, now: number): string {
  if (time === null) return "never";
  const then = Date.parse(time);
  if (Number.isNaN(then)) return time;
  const passed = now - then;
  if (passed < 5 * SECOND) return "just now";
  if (passed < MINUTE) return `${Math.floor(passed / SECOND)} s ago`;
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min ago`;
  if (passed < DAY) return `${Math.floor(passed / HOUR)} h ago`;
  if (passed < 30 * DAY) return `${Math.floor(passed / DAY)} d ago`;
  return time.slice(0, 10);
}

/** `for 6 d 23 h`, to the minute; `no more` where it has passed. */
export function until(time: string, now: number): string {
  const left = Date.parse(time) - now;
  // A week that has just begun is a week.
  return left <= 0 ? "no more" : `for ${lasting(Math.ceil(left / MINUTE) * MINUTE)}`;
}

/** `820 ms`, `3.2 s`, `2 min 5 s`, `3 h 4 min`, `2 d 1 h`. */
export function lasting(milliseconds: number): string {
  if (milliseconds < SECOND) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 10 * SECOND) return `${(milliseconds / SECOND).toFixed(1)} s`;
  if (milliseconds < MINUTE) return `${Math.floor(milliseconds / SECOND)} s`;
  if (milliseconds < HOUR) return pair(milliseconds, [MINUTE, "min"], [SECOND, "s"]);
  if (milliseconds < DAY) return pair(milliseconds, [HOUR, "h"], [MINUTE, "min"]);
  return pair(milliseconds, [DAY, "d"], [HOUR, "h"]);
}

function pair(
  milliseconds: number,
  [large, largeName]: [number, string],
  [small, smallName]: [number, string],
): string {
  const rest = Math.floor((milliseconds % large) / small);
  return `${Math.floor(milliseconds / large)} ${largeName}${rest === 0 ? "" : ` ${rest} ${smallName}`}`;
}

/** How long something took or has taken so far; empty when it has not begun. */
export function between(start: string | null, end: string | null, now: number): string {
  if (start === null) return "";
  return lasting(Math.max(0, (end === null ? now : Date.parse(end)) - Date.parse(start)));
}
