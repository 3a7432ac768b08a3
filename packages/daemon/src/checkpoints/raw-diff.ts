// The NUL-terminated `--raw` format of git's diff commands, as entries.
import { type BytePath, splitNul } from "./byte-path.ts";

export interface RawDiffEntry {
  /** Octal as git prints it: 100644, 100755, 120000, 160000; 000000 for no entry. */
  readonly oldMode: string;
  readonly newMode: string;
  readonly oldOid: string;
  readonly newOid: string;
  /** A, D, M, T, U, or R and C with `previousPath`. */
  readonly status: string;
  readonly path: BytePath;
  readonly previousPath?: BytePath;
}

/** Parses the records at the start of `output`; `rest` gets the fields behind them. */
export function parseRawDiff(output: Buffer, rest?: (fields: readonly BytePath[]) => void): RawDiffEntry[] {
  const fields = splitNul(output);
  const entries: RawDiffEntry[] = [];
  let at = 0;
  while (at < fields.length) {
    const header = fields[at];
    if (header === undefined || !header.startsWith(":")) break;
    const [oldMode = "", newMode = "", oldOid = "", newOid = "", score = ""] = header.slice(1).split(" ");
    const status = score.slice(0, 1);
    const hasTwoPaths = status === "R" || status === "C";
    const first = fields[at + 1];
    const path = hasTwoPaths ? fields[at + 2] : first;
    if (first === undefined || path === undefined) break;
    entries.push({ oldMode, newMode, oldOid, newOid, status, path, ...(hasTwoPaths ? { previousPath: first } : {}) });
    at += hasTwoPaths ? 3 : 2;
  }
  rest?.(fields.slice(at));
  return entries;
}
