// Version floors: read by their schema every time, compared as numbers. Pure.
import { VersionFloor } from "@muster/contracts";

/** Throws for a stored floor that is none: it must never pass for "no floor". */
export const readFloor = (stored: string | null): VersionFloor | null => {
  if (stored === null) return null;
  const floor = VersionFloor.safeParse(stored);
  if (floor.success) return floor.data;
  throw new Error(`a session's version floor is malformed in the database: ${JSON.stringify(stored.slice(0, 32))}`);
};

const isBelow = (left: VersionFloor, right: VersionFloor): boolean => {
  const [major = 0, minor = 0] = left.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = right.split(".").map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
};

/** Whether machines would be let in that are not now. What replaces a malformed floor may do so. */
export const isLowered = (stored: string | null, wanted: VersionFloor | null): boolean => {
  if (stored === null) return false;
  const floor = VersionFloor.safeParse(stored);
  return wanted === null || !floor.success || isBelow(wanted, floor.data);
};
