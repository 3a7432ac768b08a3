import { execFileSync } from "node:child_process";
import { mkdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RequestError } from "@agentclientprotocol/sdk";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endAll, temporaryFolder } from "../testing/bench.ts";
import { type FilesOptions, readTextFile, writeTextFile } from "./files.ts";
import { resolveInside } from "./workspace.ts";

let outside: string;
let files: FilesOptions;
const sessionId = "s1";

beforeEach(async () => {
  outside = await realpath(await temporaryFolder());
  const root = join(outside, "root");
  await mkdir(join(root, "sub"), { recursive: true });
  await writeFile(join(root, "a.txt"), "one\ntwo\nthree\nfour");
  await writeFile(join(outside, "secret.txt"), "secret");
  await mkdir(join(outside, "root-beside"));
  files = { root, cwd: join(root, "sub"), fileMaxBytes: 1_000 };
});
afterEach(endAll);

const refused = async (action: Promise<unknown>): Promise<number> => {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RequestError);
  return (error as RequestError).code;
};
const INVALID = -32602;

describe("files for the agent", () => {
  it("ORC-30 are read whole, or by lines", async () => {
    expect(await readTextFile(files, { sessionId, path: join(files.root, "a.txt") })).toEqual({
      content: "one\ntwo\nthree\nfour",
    });
    expect(await readTextFile(files, { sessionId, path: "../a.txt", line: 2, limit: 2 })).toEqual({
      content: "two\nthree",
    });
    expect(await readTextFile(files, { sessionId, path: "../a.txt", line: 4 })).toEqual({ content: "four" });
  });
  it("ORC-30 are written, with the folders on the way, over what was there", async () => {
    const path = join(files.root, "new/deep/b.txt");
    await writeTextFile(files, { sessionId, path, content: "a longer text" });
    await writeTextFile(files, { sessionId, path, content: "short" });
    expect(await readFile(path, "utf8")).toBe("short");
  });
  it("ORC-30 that do not exist are told apart from refused ones", async () => {
    expect(await refused(readTextFile(files, { sessionId, path: join(files.root, "none.txt") }))).toBe(-32002);
  });
  it("ORC-30 outside the root are refused by every way out", async () => {
    await symlink(outside, join(files.root, "link-to-folder"));
    await symlink(join(outside, "secret.txt"), join(files.root, "link-to-file"));
    await symlink(join(outside, "not-yet.txt"), join(files.root, "link-to-nothing"));
    await symlink("loop", join(files.root, "loop"));
    const ways = [
      join(outside, "secret.txt"),
      "../../secret.txt",
      join(files.root, "../secret.txt"),
      join(files.root, "link-to-folder/secret.txt"),
      join(files.root, "link-to-folder/new/x.txt"),
      join(files.root, "link-to-file"),
      join(files.root, "link-to-nothing"),
      join(files.root, "loop"),
      join(outside, "root-beside/x.txt"),
      join(files.root, "a.txt\0.png"),
      "/etc/passwd",
    ];
    for (const path of ways) {
      expect([path, await refused(readTextFile(files, { sessionId, path }))]).toEqual([path, INVALID]);
      expect([path, await refused(writeTextFile(files, { sessionId, path, content: "mine" }))]).toEqual([
        path,
        INVALID,
      ]);
    }
    expect(await readFile(join(outside, "secret.txt"), "utf8")).toBe("secret");
  });
  it("ORC-30 behind a link that stays inside are served under their real path", async () => {
    await symlink(join(files.root, "sub"), join(files.root, "inner"));
    await writeTextFile(files, { sessionId, path: join(files.root, "inner/c.txt"), content: "c" });
    expect(await readFile(join(files.root, "sub/c.txt"), "utf8")).toBe("c");
    expect(await resolveInside({ ...files, path: join(files.root, "inner/c.txt") })).toBe(
      join(files.root, "sub/c.txt"),
    );
  });
  it("ORC-30 over the limit, folders and pipes are refused without waiting", async () => {
    await writeFile(join(files.root, "big"), "x".repeat(2_000));
    execFileSync("mkfifo", [join(files.root, "pipe")]);
    expect(await refused(readTextFile(files, { sessionId, path: "../big" }))).toBe(INVALID);
    expect(await refused(readTextFile(files, { sessionId, path: ".." }))).toBe(INVALID);
    expect(await refused(readTextFile(files, { sessionId, path: "../pipe" }))).toBe(INVALID);
    expect(await refused(writeTextFile(files, { sessionId, path: "../c", content: "x".repeat(2_000) }))).toBe(INVALID);
    await refused(writeTextFile(files, { sessionId, path: "../pipe", content: "x" }));
  });
});
