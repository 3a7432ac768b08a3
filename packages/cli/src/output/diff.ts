// Diffs as git shows them: coloured lines, or one line per file with its counts.
import type { DiffFile, TurnDiff } from "@muster/contracts";
import type { Paint } from "../shell.ts";
import { table } from "./table.ts";
import { oneLine, safeText } from "./text.ts";
import { changeSummary } from "./thread.ts";

const BAR_COLUMNS = 24;

export function diffText({ diff, truncated }: TurnDiff, paint: Paint): string {
  const lines = safeText(diff)
    .split("\n")
    .map((line) => colour(line, paint));
  const text = lines.join("\n");
  const ended = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return truncated
    ? `${ended}${paint("yellow", "… the diff is longer than Muster keeps; the rest is not shown.")}\n`
    : ended;
}

function colour(line: string, paint: Paint): string {
  if (/^(diff |index |--- |\+\+\+ |new file|deleted file|similarity|rename |old mode|new mode)/.test(line)) {
    return paint("bold", line);
  }
  if (line.startsWith("@@")) return paint("cyan", line);
  if (line.startsWith("+")) return paint("green", line);
  if (line.startsWith("-")) return paint("red", line);
  return line;
}

export function statText(files: readonly DiffFile[], form: { paint: Paint; width: number }): string {
  if (files.length === 0) return "Nothing changed.\n";
  const { paint, width } = form;
  const most = Math.max(1, ...files.map(linesOf));
  const scale = most > BAR_COLUMNS ? BAR_COLUMNS / most : 1;
  const bar = (count: number | null, sign: string) =>
    sign.repeat(count === null || count === 0 ? 0 : Math.max(1, Math.round(count * scale)));
  const rows = files.map((file) => [
    oneLine(file.previousPath === undefined ? file.path : `${file.previousPath} → ${file.path}`),
    file.status,
    file.binary ? "binary" : String(linesOf(file)),
    paint("green", bar(file.additions, "+")) + paint("red", bar(file.deletions, "-")),
  ]);
  const columns = [
    { title: "FILE", isFlexible: true },
    { title: "CHANGE" },
    { title: "LINES", align: "right" },
    { title: "" },
  ] as const;
  return `${table({ columns, rows, width, paint })}${changeSummary(files)}\n`;
}

const linesOf = (file: DiffFile): number => (file.additions ?? 0) + (file.deletions ?? 0);
