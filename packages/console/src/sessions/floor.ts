// The version floor as it is typed and compared: "MAJOR.MINOR", as numbers. Pure.
import { VersionFloor } from "@muster/contracts";

export const isFloor = (text: string): boolean => VersionFloor.safeParse(text).success;

/** True when machines that only look now may work again under the other floor. Null lets every version in. */
export function isLower(wanted: string | null, current: string | null): boolean {
  if (current === null) return false;
  if (wanted === null) return true;
  const [major = 0, minor = 0] = wanted.split(".").map(Number);
  const [currentMajor = 0, currentMinor = 0] = current.split(".").map(Number);
  return major < currentMajor || (major === currentMajor && minor < currentMinor);
}
