// Which hub and which token: the home's token goes to the home's hub and nowhere else.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MusterError } from "@muster/contracts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createContext, type GlobalOptions } from "./context.ts";
import { homePaths, readEndpoint, removeEndpoint, writeEndpoint } from "./home.ts";
import { findHub } from "./hub.ts";
import { testShell } from "./testing/shell.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "muster-cli-"));
  mkdirSync(join(home, "hub"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const find = (options: GlobalOptions = {}, env: Record<string, string> = {}) =>
  findHub(createContext(testShell({ env }), { home, ...options }, () => {}));
const paths = () => homePaths(testShell(), home);
const running = (pid = process.pid): void => {
  writeEndpoint(paths(), { url: "http://127.0.0.1:7601", pid, nodeId: "here" });
  writeFileSync(paths().token, "home-token\n");
};

const joined = (): void => {
  mkdirSync(join(home, "daemon"));
  writeFileSync(
    paths().joined,
    JSON.stringify({
      hubUrl: "http://192.168.1.7:7600",
      spaceId: "space",
      sessionId: "session",
      sessionTitle: "Shop",
      nodeId: "node",
      workspaceRoots: ["/work"],
      joinedAt: "2026-11-21T12:00:00.000Z",
    }),
  );
  writeFileSync(paths().joinedToken, "joined-token\n");
};

describe("the hub of a machine that has joined one", () => {
  test("EXP-3 is that one, with the token of the machine's owner", () => {
    joined();
    expect(find()).toEqual({
      url: "http://192.168.1.7:7600",
      token: "joined-token",
      tokenPlace: join(home, "daemon/token"),
      pid: null,
      nodeId: "node",
      place: "joined",
    });
  });

  test("EXP-3 is asked with that token under no other address", () => {
    joined();
    expect(find({ url: "http://192.168.1.7:7600/" }).token).toBe("joined-token");
    for (const url of ["http://192.168.1.7:7601", "https://192.168.1.7:7600", "http://192.168.1.8:7600"])
      expect(find({ url }).token).toBeNull();
    expect(find({ token: "given" })).toMatchObject({ url: "http://192.168.1.7:7600", token: "given" });
  });

  test("is refused where the note about it cannot be read, and nothing is guessed", () => {
    joined();
    for (const text of ["", "{", '{"hubUrl":"file:///etc"}']) {
      writeFileSync(paths().joined, text);
      expect(() => find()).toThrow(expect.objectContaining({ code: "database_corrupt" }));
    }
  });
});

describe("the hub meant", () => {
  test("is the one of the home, with the home's token", () => {
    running();
    expect(find()).toEqual({
      url: "http://127.0.0.1:7601",
      token: "home-token",
      tokenPlace: join(home, "hub/cli-token"),
      pid: process.pid,
      nodeId: "here",
      place: "here",
    });
  });

  test("is the given one before the home's, by option before environment", () => {
    running();
    const env = { MUSTER_URL: "http://127.0.0.1:7602", MUSTER_TOKEN: "from-env" };
    expect(find({}, env)).toMatchObject({
      url: "http://127.0.0.1:7602",
      token: "from-env",
      tokenPlace: "MUSTER_TOKEN",
      place: "given",
    });
    expect(find({ url: "http://127.0.0.1:7603", token: "given" }, env)).toMatchObject({
      url: "http://127.0.0.1:7603",
      token: "given",
      tokenPlace: "--token",
    });
  });

  test("gets the home's token only where it is the home's hub", () => {
    running();
    expect(find({ url: "http://127.0.0.1:7601/" }).token).toBe("home-token");
    expect(find({ url: "http://127.0.0.1:7602" }).token).toBeNull();
    expect(find({ url: "https://127.0.0.1:7601" }).token).toBeNull();
  });

  test("is asked for with a token that a header can carry, and refused before it is asked otherwise", () => {
    running();
    for (const token of ["", "two words", "a\nb", "tök", "a\u0000"]) {
      const refused = () => find({ token });
      expect(refused).toThrow(expect.objectContaining({ code: "validation_failed" }));
      if (token !== "") expect(refused).not.toThrow(token);
    }
    expect(find({}, { MUSTER_TOKEN: "" }).token).toBe("home-token");
  });

  test("has no password in its address, and the refusal does not repeat it", () => {
    const refused = () => find({ url: "http://someone:hunter2@127.0.0.1:7600" });
    expect(refused).toThrow(expect.objectContaining({ code: "validation_failed" }));
    expect(refused).not.toThrow("hunter2");
  });

  test("is missing where none runs, and where one ended without saying so", () => {
    const codeOf = (): string => {
      try {
        find();
      } catch (error) {
        if (error instanceof MusterError) return error.message;
      }
      return "found";
    };
    expect(codeOf()).toContain("No hub runs");
    // The highest pid that Linux gives is 2^22.
    running(2 ** 22 + 1);
    expect(codeOf()).toContain("is gone");
  });

  test("is not that of the folder one is in where the home is given as nothing", () => {
    expect(() => homePaths(testShell(), "")).toThrow(expect.objectContaining({ code: "validation_failed" }));
  });

  test("is noted whole, and the note of another process is left alone", () => {
    running();
    expect(readEndpoint(paths())).toEqual({ url: "http://127.0.0.1:7601", pid: process.pid, nodeId: "here" });
    removeEndpoint(paths(), process.pid + 1);
    expect(readEndpoint(paths())).not.toBeNull();
    removeEndpoint(paths(), process.pid);
    expect(readEndpoint(paths())).toBeNull();
    writeFileSync(paths().endpoint, "{ half");
    expect(readEndpoint(paths())).toBeNull();
  });
});
