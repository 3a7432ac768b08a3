// Which database a hub opens, and what a person is told when it cannot.
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { MusterError } from "@muster/contracts";
import { createIds } from "@muster/core";
import { type PostgresAddress, runOn, sharedPostgres, urlOf } from "@muster/store/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { markRestored, openHubDatabase } from "./database.ts";
import { movableClock, random } from "./identity/testing/opened.ts";

const SECRET = "hunter2";
const clock = movableClock();
const ids = createIds(clock, random);

let home: string;
let address: PostgresAddress;
let url: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "muster-database-"));
  const server = await sharedPostgres();
  address = { ...server, database: `hub_${ids.next().replaceAll("-", "")}` };
  await runOn(server, `CREATE DATABASE ${address.database}`);
  url = urlOf(address);
});
afterEach(async () => {
  await runOn(await sharedPostgres(), `DROP DATABASE ${address.database} WITH (FORCE)`);
  await rm(home, { recursive: true });
});

const open = (given: string | null) => openHubDatabase({ home, url: given }, clock, ids);
const refused = async (given: string | null): Promise<MusterError> => {
  const error: unknown = await open(given).then(
    ({ store }) => store.close(),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MusterError)) throw new Error("it was opened");
  return error;
};
const withPassword = (given: string) => given.replace("@", `:${SECRET}@`);

it("prepares windows of threads in its threads, where the state is in a file", async () => {
  const { store, generation } = await open(null);
  const request = { generation, spaceId: "space", input: { threadId: "no such thread", turnLimit: 1 } };
  expect(await store.prepare?.(request)).toBeNull();
  await store.close();
});

describe("a hub's database", () => {
  it("is PostgreSQL where a URL says so, with the schema and one generation for all who open it", async () => {
    const one = await open(url);
    const two = await open(url);
    expect(one.store.dialect).toBe("postgres");
    expect(two.generation).toBe(one.generation);
    expect(one.server).toBe(`postgresql:///${address.database}?host=${address.host}&port=5432`);
    await one.store.close();
    await two.store.close();
  });

  it("is a file in the home where none does", async () => {
    const { store, server } = await open(null);
    expect(store.dialect).toBe("sqlite");
    expect(server).toBeUndefined();
    expect(existsSync(join(home, "hub.db"))).toBe(true);
    await store.close();
  });

  it("is not forgotten: a home whose data is on a server does not start anew with a file", async () => {
    await (await open(url)).store.close();
    const error = await refused(null);
    expect(error).toMatchObject({ code: "database_mismatch" });
    expect(error.message).toContain(address.database);
    expect(existsSync(join(home, "hub.db"))).toBe(false);
  });

  it("is not forgotten: a home whose data is in a file does not start anew on a server", async () => {
    await (await open(null)).store.close();
    expect(await refused(url)).toMatchObject({ code: "database_mismatch" });
    await writeFile(join(home, "hub.db"), "");
    await (await open(url)).store.close();
  });
});

describe("a database that was restored", () => {
  it.each([
    ["on a server", () => url],
    ["in a file", () => null],
  ])("%s has another generation (ORC-37)", async (_where, make) => {
    const before = await open(make());
    await before.store.close();
    const { generation } = await markRestored({ home, url: make() }, clock, ids);
    const after = await open(make());
    await after.store.close();
    expect(after.generation).toBe(generation);
    expect(generation).not.toBe(before.generation);
  });

  it("is named, where the home's data is on a server", async () => {
    await (await open(url)).store.close();
    await expect(markRestored({ home, url: null }, clock, ids)).rejects.toMatchObject({ code: "database_mismatch" });
  });
});

describe("a server that cannot be used", () => {
  it.each([
    ["is not there", () => url.replace(address.host, "/nowhere"), "database_unreachable"],
    ["does not know the database", () => url.replace(address.database, "nobodys"), "database_denied"],
    ["does not know the user", () => url.replace("muster@", "nobody@"), "database_denied"],
    ["has no URL", () => "http://localhost/muster", "validation_failed"],
    ["has a URL that cannot be read", () => "postgresql://muster@:x:y/z", "validation_failed"],
  ])("because it %s is told by its code, and no secret is told", async (_what, make, code) => {
    const error = await refused(withPassword(make()));
    expect(error).toMatchObject({ code });
    expect(inspect(error, { depth: 10 }) + JSON.stringify(error.toBody())).not.toContain(SECRET);
    expect(existsSync(join(home, "database.json"))).toBe(false);
  });

  it("because the user owns nothing there is told what to grant", async () => {
    await runOn(address, `CREATE ROLE ${address.database}_poor LOGIN`);
    const error = await refused(url.replace("muster@", `${address.database}_poor@`));
    expect(error).toMatchObject({ code: "database_denied" });
    expect(error.message).toContain("let it own the database");
    await runOn(address, `DROP ROLE ${address.database}_poor`);
  });

  it("because a newer program migrated it is a schema mismatch", async () => {
    await (await open(url)).store.close();
    await runOn(
      address,
      "INSERT INTO schema_migrations SELECT set_name, 9999, 'later', 'x', applied_at FROM schema_migrations LIMIT 1",
    );
    expect(await refused(url)).toMatchObject({ code: "schema_mismatch" });
  });

  it("leaves the password out of what the home remembers", async () => {
    await (await open(withPassword(url))).store.close();
    expect(readFileSync(join(home, "database.json"), "utf8")).not.toContain(SECRET);
  });
});
