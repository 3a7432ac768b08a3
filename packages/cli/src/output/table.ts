// Aligned tables. Cells may hold colours; widths count what is seen. So that a row fits the terminal one column may be cut, and
// then others left out; where the output is no terminal nothing is.
import type { Paint } from "../shell.ts";
import { cut, widthOf } from "./text.ts";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Gives way when the terminal is too narrow; its cells have no colours. */
  readonly isFlexible?: boolean;
  /** Left out where a row does not fit by cutting alone; the highest first. Absent for what a row is nothing without. */
  readonly spare?: number;
}

export interface TableOptions {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
  readonly width: number;
  readonly paint: Paint;
}

const GAP = 2;
/** A flexible column never gets narrower than this, so that a very narrow terminal wraps instead. */
const FLEXIBLE_MIN = 12;

/** Lines of the table, title line first, each ended by a newline. */
export function table(options: TableOptions): string {
  const { columns, rows, width, paint } = fitting(options);
  const widths = columns.map((column, index) =>
    Math.max(widthOf(column.title), ...rows.map((row) => widthOf(row[index] ?? ""))),
  );
  const total = widths.reduce((sum, each) => sum + each, 0) + GAP * (columns.length - 1);
  const flexible = columns.findIndex((column) => column.isFlexible === true);
  if (total > width && flexible >= 0) {
    const own = widths[flexible] ?? 0;
    widths[flexible] = Math.max(Math.min(FLEXIBLE_MIN, own), own - (total - width));
  }
  const line = (cells: readonly string[]): string =>
    cells.map((cell, index) => padded(cell, index)).join(" ".repeat(GAP));
  const padded = (cell: string, index: number): string => {
    const room = widths[index] ?? 0;
    const text = index === flexible ? cut(cell, room) : cell;
    const padding = " ".repeat(Math.max(0, room - widthOf(text)));
    return columns[index]?.align === "right" ? padding + text : text + padding;
  };
  const title = paint("dim", line(columns.map((column) => column.title)).trimEnd());
  return [title, ...rows.map((row) => line(row).trimEnd())].map((text) => `${text}\n`).join("");
}

/** Without the columns that can be spared where the narrowest table would not fit. */
function fitting(options: TableOptions): TableOptions {
  const { columns, rows, width } = options;
  const narrowest = columns.map(({ title, isFlexible }, index) => {
    const own = Math.max(widthOf(title), ...rows.map((row) => widthOf(row[index] ?? "")));
    return isFlexible === true ? Math.min(FLEXIBLE_MIN, own) : own;
  });
  if (narrowest.reduce((sum, each) => sum + each + GAP, -GAP) <= width) return options;
  const spares = columns.map(({ spare }) => spare ?? 0);
  const first = Math.max(...spares);
  if (first === 0) return options;
  const left = spares.indexOf(first);
  const isKept = (_: unknown, index: number): boolean => index !== left;
  return fitting({ ...options, columns: columns.filter(isKept), rows: rows.map((row) => row.filter(isKept)) });
}

/** `name  value` lines, names aligned. */
export function facts(entries: readonly (readonly [name: string, value: string])[], paint: Paint): string {
  const width = Math.max(...entries.map(([name]) => widthOf(name)));
  return entries
    .map(([name, value]) => `${paint("dim", name)}${" ".repeat(width - widthOf(name) + GAP)}${value}\n`)
    .join("");
}
