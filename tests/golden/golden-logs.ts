// The folder of golden logs: for each version of the events some logs as a database held them, line by line a row with its
// stored text, and beside each the rows that projectors made of it then. Files are written once and never again.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Row } from "@muster/store";
import { PROJECTION_KEYS, PROJECTION_TABLES, type ProjectionTable } from "../../packages/core/src/index.ts";
import { columnName } from "../../packages/hub/src/orchestration/columns.ts";
import type { World } from "../../packages/hub/src/orchestration/test-world.ts";
import { HUB_COLUMNS } from "../../packages/hub/src/schema/index.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const SUMS = join(FOLDER, "SHA256SUMS");
const LOG = ".log.jsonl";
const ROWS = ".rows.jsonl";
const VERSION = /^\d+\.\d+$/;

export interface GoldenLog {
  readonly version: string;
  readonly name: string;
}
export interface ProjectedRow {
  readonly table: ProjectionTable;
  readonly row: Row;
}

const pathOf = ({ version, name }: GoldenLog, ending: string): string => join(FOLDER, version, `${name}${ending}`);

export const goldenLogs = (): GoldenLog[] =>
  readdirSync(FOLDER)
    .filter((version) => VERSION.test(version))
    .flatMap((version) =>
      readdirSync(join(FOLDER, version))
        .filter((file) => file.endsWith(LOG))
        .map((file) => ({ version, name: file.slice(0, -LOG.length) })),
    );

const linesOf = (path: string): string[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
const written = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join("");

export const readLog = (log: GoldenLog): Row[] => linesOf(pathOf(log, LOG)).map((line) => JSON.parse(line) as Row);

export const readRows = (log: GoldenLog): ProjectedRow[] =>
  linesOf(pathOf(log, ROWS)).map((line) => JSON.parse(line) as ProjectedRow);

export const logIn = (world: World): Promise<readonly Row[]> =>
  world.rows(`SELECT ${HUB_COLUMNS.orchestration_events.join(", ")} FROM orchestration_events ORDER BY sequence`);

/** Of all projections, each in the order of its keys, as the database holds them. */
export async function rowsIn(world: World): Promise<ProjectedRow[]> {
  const found: ProjectedRow[] = [];
  for (const table of PROJECTION_TABLES) {
    const keys = ["space_id", ...PROJECTION_KEYS[table].map((key) => columnName(table, key))];
    const rows = await world.rows(`SELECT * FROM ${table} ORDER BY ${keys.join(", ")}`);
    for (const row of rows) found.push({ table, row });
  }
  return found;
}

/** Sums as they stand in the file, by path. */
export const recordedSums = (): Readonly<Record<string, string>> =>
  Object.fromEntries(linesOf(SUMS).map((line) => line.split("  ").reverse() as [string, string]));

/** Sums of the files as they are. */
export function actualSums(): Record<string, string> {
  const sums: Record<string, string> = {};
  for (const { version, name } of goldenLogs())
    for (const ending of [LOG, ROWS]) {
      const bytes = readFileSync(pathOf({ version, name }, ending));
      sums[`${version}/${name}${ending}`] = createHash("sha256").update(bytes).digest("hex");
    }
  return sums;
}

/** Writes a new golden log. Throws where there is one of that name already. */
export async function writeGoldenLog(log: GoldenLog, world: World): Promise<void> {
  const path = pathOf(log, LOG);
  if (existsSync(path)) throw new Error(`${path} is there already; golden logs are never written again`);
  mkdirSync(join(FOLDER, log.version), { recursive: true });
  writeFileSync(path, written(await logIn(world)));
  writeFileSync(pathOf(log, ROWS), written(await rowsIn(world)));
  const sums = Object.entries(actualSums()).map(([file, sum]) => `${sum}  ${file}\n`);
  writeFileSync(SUMS, sums.sort().join(""));
}
