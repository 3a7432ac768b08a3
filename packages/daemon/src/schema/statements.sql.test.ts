// Every declared statement of the daemon against its database: what a text answers with is what its declaration says.
import { declaredStatements } from "@muster/store";
import { checkOnSqlite, loadSources, openFreshFile } from "@muster/store/testing";
import { beforeAll, expect, it } from "vitest";
import { DAEMON_MIGRATIONS } from "./migrations/index.ts";
import { DAEMON_TABLES } from "./tables.ts";

beforeAll(() => loadSources(new URL("..", import.meta.url)));

it("ORC-14 every statement of the daemon answers with what its declaration says", async () => {
  const { store, opener, dispose } = await openFreshFile();
  await store.migrate(DAEMON_MIGRATIONS, { appliedAt: "2026-01-01T00:00:00.000Z", generation: "generation" });
  const { path } = JSON.parse(opener?.argument ?? "{}") as { path: string };
  expect(declaredStatements().length).toBeGreaterThan(25);
  expect(checkOnSqlite(path, DAEMON_TABLES, declaredStatements())).toEqual([]);
  await dispose();
});
