// How much a browser has to load, and that nothing of it comes from elsewhere.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { ensureBundle } from "../../scripts/bootstrap/bundle.mjs";
import { repository } from "../cli/muster.ts";

const dist = join(repository, "packages/console/dist");
const KIB = 1024;

beforeAll(() => ensureBundle(repository, process.execPath));

const files = (): { name: string; content: Buffer }[] =>
  readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => ({ name: entry.name, content: readFileSync(join(entry.parentPath, entry.name)) }));

test("EXP-7 the bundle without the diff viewer is at most 400 KiB gzip", () => {
  const sizes = files()
    .filter(({ name }) => !name.startsWith("patch-view"))
    .map(({ name, content }) => ({ name, bytes: gzipSync(content).length }));
  expect(sizes.some(({ name }) => name.endsWith(".js"))).toBe(true);
  expect(sizes.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(400 * KIB);
});

test("the diff viewer is a chunk of its own, which the page does not load at its start", () => {
  const index = readFileSync(join(dist, "index.html"), "utf8");
  expect(files().some(({ name }) => name.startsWith("patch-view") && name.endsWith(".js"))).toBe(true);
  expect(index).not.toContain("patch-view");
});

test("the page holds no inline script and names no other host", () => {
  const index = readFileSync(join(dist, "index.html"), "utf8");
  expect(index).not.toMatch(/<script(?![^>]*\bsrc=)/);
  expect(index).not.toMatch(/(src|href)="(https?:)?\/\//);
  expect(index).not.toContain("data:");
});
