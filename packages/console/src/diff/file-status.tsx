// How a file changed, as one letter and in words, and how many lines.
import type { DiffFile } from "@muster/contracts";
import classes from "./file-status.module.css";

const STATUS: Readonly<Record<DiffFile["status"], readonly [letter: string, text: string]>> = {
  added: ["A", "added"],
  modified: ["M", "modified"],
  deleted: ["D", "deleted"],
  renamed: ["R", "renamed"],
  copied: ["C", "copied"],
  "type-changed": ["T", "type changed"],
};

export function FileStatus({ status }: { status: DiffFile["status"] }) {
  const [letter, text] = STATUS[status];
  return (
    <span className={classes["status"]} data-status={status} title={text}>
      <span aria-hidden="true">{letter}</span>
      <span className="visually-hidden">{text}</span>
    </span>
  );
}

/** Nothing is said where the counts are not known or zero on both sides. */
export function LineCounts({ additions, deletions }: { additions: number | null; deletions: number | null }) {
  return (
    <span className={classes["counts"]}>
      {(additions ?? 0) > 0 && (
        <span className={classes["additions"]}>
          <span aria-hidden="true">+{additions}</span>
          <span className="visually-hidden">{additions} lines added</span>
        </span>
      )}
      {(deletions ?? 0) > 0 && (
        <span className={classes["deletions"]}>
          <span aria-hidden="true">−{deletions}</span>
          <span className="visually-hidden">{deletions} lines removed</span>
        </span>
      )}
    </span>
  );
}

export const sumCounts = (files: readonly DiffFile[]): { additions: number; deletions: number } => ({
  additions: files.reduce((sum, file) => sum + (file.additions ?? 0), 0),
  deletions: files.reduce((sum, file) => sum + (file.deletions ?? 0), 0),
});
