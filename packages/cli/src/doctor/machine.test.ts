// What doctor finds of the home: it is tried out, and nothing of the trial stays.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkHome, checkPort } from "./machine.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-doctor-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the home", () => {
  test("that can be written is fine, made or not yet, and stays as it was", () => {
    expect(checkHome(folder)).toMatchObject({ state: "ok" });
    expect(checkHome(join(folder, "not/yet"))).toMatchObject({
      state: "ok",
      message: expect.stringContaining("first start"),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that is a file, or where the system takes no files, fails with what to do", () => {
    mkdirSync(join(folder, "a"));
    writeFileSync(join(folder, "a/file"), "");
    for (const home of [join(folder, "a/file"), "/proc/nothing"])
      expect(checkHome(home)).toMatchObject({ state: "fail", advice: expect.stringContaining("--home") });
    expect(readdirSync(join(folder, "a"))).toEqual(["file"]);
  });
});

describe("the port", () => {
  test("that another program has is told as taken, a free one as free", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen({ host: "127.0.0.1", port: 0 }, () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    expect(await checkPort(port, null)).toMatchObject({ state: "fail", message: expect.stringContaining("taken") });
    await new Promise((resolve) => server.close(resolve));
    expect(await checkPort(port, null)).toMatchObject({ state: "ok" });
  });
});
