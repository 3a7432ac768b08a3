// docs/matrix.md in its parts: the requirements, written by hand; tables and projectors, made from the code.
import { readFileSync } from "node:fs";
import { handledTypes, PROJECTOR_NAMES } from "@muster/core";
import { DAEMON_TABLES } from "../../../packages/daemon/src/schema/index.ts";
import { root, type Source } from "./sources.ts";
import { tableUses } from "./statements.ts";

export const page = `${root}docs/matrix.md`;

export interface Requirement {
  readonly id: string;
  readonly tables: string;
  readonly writer: string;
  readonly reader: string;
  readonly module: string;
  readonly test: string;
}

const cellsOf = (line: string): string[] =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

export const sectionOf = (text: string, heading: string): string =>
  text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0]?.trim() ?? "";

export const requirementsOf = (text: string): Requirement[] =>
  sectionOf(text, "Requirements")
    .split("\n")
    .filter((line) => line.startsWith("| ORC-"))
    .map((line) => {
      const [id = "", tables = "", writer = "", reader = "", module = "", test = ""] = cellsOf(line);
      return { id, tables, writer, reader, module, test };
    });

/** What stands between backquotes. */
export const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");

/** Bookkeeping of the migrations, and tables that other pages of the specification own. */
const CORE_TABLE = /^(orchestration_|checkpoint_diff_blobs$|ingest_|projection_|thread_retention$)/;

/** Lines of the listing that are no column. */
const RULE = /^(key|check|unique|index|refers)$/;

/** Table → columns, as the hub's golden listing says, which a test compares with both databases. */
function hubTables(): (readonly [string, readonly string[]])[] {
  const listing = readFileSync(`${root}packages/hub/src/schema/schema.golden.txt`, "utf8");
  return listing
    .trim()
    .split(/\n\s*\n/)
    .map((block) => {
      const [table = "", ...lines] = block.split("\n");
      const words = lines.map((line) => line.trim().split(" "));
      const columns = words.filter(([first = ""]) => !RULE.test(first)).map(([name = ""]) => name.replace("?", ""));
      return [table, columns] as const;
    })
    .filter(([table]) => CORE_TABLE.test(table));
}

/** Table → columns of the daemon's database, as its schemas say. */
const daemonTables = (): (readonly [string, readonly string[]])[] =>
  Object.entries(DAEMON_TABLES).map(([table, columns]) => [table, Object.keys(columns)]);

export const coreTables = (): ReadonlyMap<string, readonly string[]> => new Map([...hubTables(), ...daemonTables()]);

const short = (path: string): string => path.replace(/^packages\//, "").replace("/src/", "/");
const list = (items: readonly string[]): string => items.map((item) => `\`${item}\``).join(", ") || "—";
const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

export function renderTables(tables: ReadonlyMap<string, readonly string[]>, sources: readonly Source[]): string {
  const uses = tableUses([...tables.keys()], sources);
  return table(
    ["table", "columns", "written by", "read by"],
    [...tables].map(([name, columns]) => [
      `\`${name}\``,
      list(columns),
      list(uses.get(name)?.writes.map(short) ?? []),
      list(uses.get(name)?.reads.map(short) ?? []),
    ]),
  );
}

export function renderProjectors(sources: readonly Source[]): string {
  const folds = sources.filter(({ path }) => path.startsWith("packages/core/src/projections/"));
  return table(
    ["projector", "event types", "table"],
    PROJECTOR_NAMES.map((name) => {
      const target = `projection_${name}`;
      const isFound = tableUses([target], folds).get(target)?.writes.length !== 0;
      return [`\`${name}\``, list([...handledTypes(name)].sort()), isFound ? `\`${target}\`` : "—"];
    }),
  );
}
