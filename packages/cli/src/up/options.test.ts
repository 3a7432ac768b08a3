// What `up` makes of its options and its environment.
import { MusterError } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { testShell } from "../testing/shell.ts";
import { chooseDatabase, choosePlace, chooseSlotLeaseMs, parseMinutes } from "./options.ts";

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

describe("the place of the hub", () => {
  const place = (host: string, others: { trustNetwork?: boolean; publicUrl?: string } = {}) =>
    choosePlace({ host, ...others });
  const refused = expect.objectContaining({ code: "validation_failed" });

  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.5", "127.0.0.5"],
    ["localhost", "localhost"],
    ["[::1]", "::1"],
  ])("is loopback without a question: %s", (host, bare) => {
    expect(place(host)).toEqual({ host: bare, trustNetwork: false, publicUrl: null });
  });

  test.each(["0.0.0.0", "::", "[::]", "192.168.1.10", "fd00::7"])(
    "EXP-11 is %s only where the network is said to be trusted, or a proxy with TLS is advised",
    (host) => {
      expect(() => place(host)).toThrow(refused);
      expect(() => place(host, { publicUrl: "https://muster.example.org" })).toThrow(refused);
      expect(place(host, { trustNetwork: true }).host).toBe(host.replace(/[[\]]/g, ""));
    },
  );

  test.each(["example.org", "", "fe80::1%eth0", "127.0.0.1:7600"])("is no %j, trusted or not", (host) => {
    expect(() => place(host, { trustNetwork: true })).toThrow(refused);
  });

  test.each([
    ["https://muster.example.org/", "https://muster.example.org"],
    ["https://muster.example.org:8443", "https://muster.example.org:8443"],
    ["http://localhost:8080", "http://localhost:8080"],
  ])("is named by the public URL %s", (publicUrl, origin) => {
    expect(place("127.0.0.1", { publicUrl }).publicUrl).toBe(origin);
  });

  test.each(["muster.example.org", "ftp://a", "https://a/muster", "https://a/?b", "https://a/#b", "https://u:p@a"])(
    "is not named by %s",
    (publicUrl) => {
      expect(() => place("127.0.0.1", { publicUrl })).toThrow(refused);
    },
  );

  test("EXP-11 is not named by plain HTTP, unless the network is said to be trusted", () => {
    const publicUrl = "http://box.lan:7600";
    expect(() => place("127.0.0.1", { publicUrl })).toThrow(refused);
    expect(place("0.0.0.0", { publicUrl, trustNetwork: true }).publicUrl).toBe(publicUrl);
  });
});

describe("how long a machine keeps its place", () => {
  const shell = (minutes?: string) =>
    testShell(minutes === undefined ? {} : { env: { MUSTER_SLOT_LEASE_MINUTES: minutes } });

  test("NOD-18 is what the option says, else the environment, else the hub's own time", () => {
    expect(chooseSlotLeaseMs(shell("7"), parseMinutes("3"))).toBe(180_000);
    expect(chooseSlotLeaseMs(shell("7"), undefined)).toBe(420_000);
    expect(chooseSlotLeaseMs(shell(""), undefined)).toBeUndefined();
    expect(chooseSlotLeaseMs(shell(), undefined)).toBeUndefined();
  });

  test.each(["0", "-1", "1.5", "ten", "525601"])("is refused where it is %s", (text) => {
    expect(() => parseMinutes(text)).toThrow("number of minutes");
    expect(() => chooseSlotLeaseMs(shell(text), undefined)).toThrow("MUSTER_SLOT_LEASE_MINUTES");
  });
});
