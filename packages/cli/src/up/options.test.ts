// What `up` makes of its options and its environment.
import { MusterError } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { testShell } from "../testing/shell.ts";
import { chooseDatabase } from "./options.ts";

const SECRET = "hunter2";

describe("the database", () => {
  test("is a file in the home unless a URL is given, by option or environment, the option first", () => {
    const env = { MUSTER_DATABASE_URL: "postgresql://one/a" };
    expect(chooseDatabase(testShell(), undefined)).toBeNull();
    expect(chooseDatabase(testShell({ env: { MUSTER_DATABASE_URL: "" } }), undefined)).toBeNull();
    expect(chooseDatabase(testShell({ env }), undefined)).toBe("postgresql://one/a");
    expect(chooseDatabase(testShell({ env }), "postgresql://user@two/b")).toBe("postgresql://user@two/b");
  });

  test("may have its password in the environment", () => {
    const url = `postgresql://user:${SECRET}@one/a`;
    expect(chooseDatabase(testShell({ env: { MUSTER_DATABASE_URL: url } }), undefined)).toBe(url);
  });

  test.each([
    `postgresql://user:${SECRET}@one/a`,
    `postgres://u:p%40${SECRET}@/a`,
    `postgresql://u@one/a?password=${SECRET}`,
  ])("may not have a password among the arguments, and the refusal does not repeat it", (url) => {
    const refused = (): unknown => chooseDatabase(testShell(), url);
    expect(refused).toThrow(MusterError);
    expect(refused).toThrow(expect.objectContaining({ code: "validation_failed" }));
    expect(refused).not.toThrow(SECRET);
  });
});
