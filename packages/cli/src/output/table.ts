// Aligned tables. Cells may hold colours; widths count what is seen. One column may be cut so that a row fits the
// terminal; where the output is no terminal nothing is cut.
import type { Paint } from "../shell.ts";
import { cut, widthOf } from "./text.ts";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Gives way when the terminal is too narrow; its cells have no colours. */
  readonly isFlexible?: boolean;
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
export function table({ columns, rows, width, paint }: TableOptions): string {
  const widths = columns.map((column, index) =>
    Math.max(widthOf(column.title), ...rows.map((row) => widthOf(row[index] ?? ""))),
  );
  const total = widths.reduce((sum, each) => sum + each, 0) + GAP * (columns.length - 1);
  const flexible = columns.findIndex((column) => column.isFlexible === true);
  if (total > width && flexible >= 0) {
    widths[flexible] = Math.max(FLEXIBLE_MIN, (widths[flexible] ?? 0) - (total - width));
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

/** `name  value` lines, names aligned. */
export function facts(entries: readonly (readonly [name: string, value: string])[], paint: Paint): string {
  const width = Math.max(...entries.map(([name]) => widthOf(name)));
  return entries
    .map(([name, value]) => `${paint("dim", name)}${" ".repeat(width - widthOf(name) + GAP)}${value}\n`)
    .join("");
}
