// Sizes as people read them. Pure.

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** `1 byte`, `820 bytes`, `3.2 KiB`, `140 MiB`. */
export function fileSize(bytes: number): string {
  if (bytes === 1) return "1 byte";
  let size = bytes;
  let unit = 0;
  while (size >= 1_024 && unit < UNITS.length - 1) {
    size /= 1_024;
    unit += 1;
  }
  return `${size.toFixed(unit > 0 && size < 10 ? 1 : 0)} ${UNITS[unit]}`;
}
