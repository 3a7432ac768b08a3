// Which servers are taken, what is said of the others, and what of a URL may be shown.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StoreError } from "../port.ts";
import { type PostgresAddress, runOn, startPostgres } from "../testing/index.ts";
import { until } from "../testing/obstacles.ts";
import { assertFit, describeServer, serverRefusalOf } from "./server.ts";
import { openPostgresStore, type PostgresOptions } from "./store.ts";

let server: Awaited<ReturnType<typeof startPostgres>>;
let address: PostgresAddress;
beforeAll(async () => {
  server = await startPostgres();
  ({ address } = server);
});
afterAll(() => server.stop());

const refusal = async (options: PostgresOptions): Promise<string | undefined> => {
  try {
    await (await openPostgresStore(options)).close();
    return "opened";
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    expect(error.code).toBe("unavailable");
    return serverRefusalOf(error);
  }
};

/** Waits until new connections have the setting: the server reads its files in its own time. */
const set = async (name: string, value: string): Promise<void> => {
  await runOn(address, `ALTER SYSTEM SET ${name} = ${value}`, "SELECT pg_reload_conf()");
  await until(
    () => runOn(address, `SELECT current_setting('${name}') AS value`),
    ([row]) => row?.["value"] === value,
  );
};

describe("a server", () => {
  test.each(["fsync", "full_page_writes"])(
    "that runs with %s=off is refused, and taken when it is on",
    async (name) => {
      await set(name, "off");
      expect(await refusal(address)).toBe("unsafe");
      await set(name, "on");
      expect(await refusal(address)).toBe("opened");
    },
  );

  test("that is set unsafe later is refused by every new connection that writes", async () => {
    const store = await openPostgresStore({ ...address, writeConnectionsMax: 1 });
    await set("fsync", "off");
    const own = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'muster'";
    await runOn(address, own);
    const commit = () => store.commit({ guards: [], statements: [] });
    await expect(commit().catch(commit)).rejects.toMatchObject({ code: "unavailable" });
    await set("fsync", "on");
    await expect(commit()).resolves.toMatchObject({ status: "committed" });
    await store.close();
  });

  test("whose role answers before it has synced is corrected for every connection that writes", async () => {
    await runOn(address, "CREATE ROLE hasty LOGIN", "ALTER ROLE hasty SET synchronous_commit = off");
    const store = await openPostgresStore({ ...address, user: "hasty" });
    const asked = { sql: "SELECT current_setting('synchronous_commit') AS value", parameters: [], returning: true };
    const result = await store.commit({ guards: [], statements: [asked] });
    expect(result).toMatchObject({ rows: [[{ value: "on" }]] });
    await store.close();
  });

  test("that is not there, has no such database, or another encoding", async () => {
    expect(await refusal({ ...address, host: "/nowhere" })).toBe("unreachable");
    expect(await refusal({ ...address, host: "127.0.0.1", port: 1 })).toBe("unreachable");
    expect(await refusal({ ...address, database: "nobodys" })).toBe("database");
    await runOn(
      address,
      "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'",
    );
    expect(await refusal({ ...address, database: "ascii" })).toBe("unsupported");
  });

  test("that refuses the user or the password", async () => {
    const [row] = await runOn(address, "SELECT current_setting('hba_file') AS file");
    const { readFile, writeFile } = await import("node:fs/promises");
    const file = String(row?.["file"]);
    const before = await readFile(file, "utf8");
    await runOn(address, "CREATE ROLE known LOGIN PASSWORD 'right'");
    await writeFile(file, `local all known scram-sha-256\n${before}`);
    await runOn(address, "SELECT pg_reload_conf()");
    await until(
      () => refusal({ ...address, user: "known", password: "wrong" }),
      (answer) => answer === "login",
    );
    expect(await refusal({ ...address, user: "known", password: "right" })).toBe("opened");
    expect(await refusal({ ...address, user: "known", password: "wrong" })).toBe("login");
    expect(await refusal({ ...address, user: "nobody" })).toBe("login");
  });

  test("whose user may not make tables is refused by the first migration", async () => {
    await runOn(address, "CREATE ROLE poor LOGIN", "REVOKE CREATE ON SCHEMA public FROM public");
    const store = await openPostgresStore({ ...address, user: "poor" });
    const migrated = store.migrate({ name: "none", migrations: [] }, { appliedAt: "now", generation: "one" });
    const error: unknown = await migrated.catch((thrown: unknown) => thrown);
    expect(error instanceof StoreError && serverRefusalOf(error)).toBe("denied");
    await store.close();
  });

  const FIT = { version: 150_000, named: "15.0", encoding: "UTF8", standby: 0, fsync: "on", full_page_writes: "on" };
  test.each([
    [{ version: 139_999, named: "13.9" }, "13.9 is too old"],
    [{ standby: 1 }, "standby"],
    [{ encoding: "LATIN1" }, "LATIN1"],
  ])("that answers %o is refused", (answer, said) => {
    expect(() => assertFit(FIT)).not.toThrow();
    expect(() => assertFit({ ...FIT, ...answer })).toThrow(said);
  });
});

test.each([
  ["postgresql://user:secret@db.example:6000/muster?sslmode=require", "postgresql://db.example:6000/muster"],
  ["postgres://user@[::1]/muster", "postgresql://[::1]:5432/muster"],
  ["postgresql://user:secret@/muster?host=/run/postgresql", "postgresql:///muster?host=/run/postgresql&port=5432"],
  ["mysql://user:secret@db/muster", undefined],
  ["postgresql://user:sec ret@:bad:port/x", undefined],
  ["nonsense", undefined],
])("of a URL, host, port and database alone are shown: %s", (url, shown) => {
  expect(describeServer(url)).toBe(shown);
});
