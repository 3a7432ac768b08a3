// Client versions against a session's floor: compared as numbers, so "1.10" is above "1.9". Pure.

const VERSION = /^(\d{1,6})\.(\d{1,6})(?:[.+-].*)?$/;
const FLOOR = /^(\d{1,6})\.(\d{1,6})$/;

/**
 * Whether a client of that version may only read. No floor admits every version; a version that is none is below any floor.
 * @throws Error for a floor that is none: it must never admit anyone silently.
 */
export function isBelowFloor(clientVersion: string, floor: string | null): boolean {
  if (floor === null) return false;
  const wanted = FLOOR.exec(floor);
  if (wanted === null)
    throw new Error(`the session's version floor is malformed: ${JSON.stringify(floor.slice(0, 32))}`);
  const has = VERSION.exec(clientVersion);
  if (has === null) return true;
  const [major, minor] = [Number(has[1]), Number(has[2])];
  const [floorMajor, floorMinor] = [Number(wanted[1]), Number(wanted[2])];
  return major < floorMajor || (major === floorMajor && minor < floorMinor);
}
