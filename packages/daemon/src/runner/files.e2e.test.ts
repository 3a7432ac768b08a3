// Questions about files over a real uplink: what a daemon announces, answers and gives up.
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FILE_ANSWER_MAX_BYTES, FileContent, FileTree, type NodeRequest } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, expect, it } from "vitest";
import { endAll, openDaemon, openWorld, type World } from "../uplink/testing/opened.ts";

afterEach(endAll);

let asked = 0;
const send = (world: World, request: NodeRequest): string => {
  asked += 1;
  world.hub.current.send({ type: "request", requestId: `question-${asked}`, request });
  return `question-${asked}`;
};
const ask = async (world: World, request: NodeRequest) => {
  const requestId = send(world, request);
  const answerOf = () => world.hub.all("response").find((frame) => frame.requestId === requestId);
  await until("the answer", () => answerOf() !== undefined);
  return answerOf();
};
const tree = (workspaceRoot: string, path = "", more: { depth?: number; ignored?: boolean } = {}): NodeRequest => ({
  ...{ method: "files.tree", workspaceRoot, path, depth: 1, ignored: false },
  ...more,
});
const read = (workspaceRoot: string, path: string): NodeRequest => ({
  ...{ method: "files.read", workspaceRoot, path, ignored: false },
});

it("NOD-22 a daemon announces that it answers about files, and does: below its roots alone", async () => {
  const world = await openWorld();
  await openDaemon(world, {});
  expect((await world.hub.next("hello")).capabilities.files).toEqual({ version: 1 });
  const { workspace, folder } = world;
  const found = await ask(world, tree(workspace, ""));
  expect(FileTree.parse(found?.result).entries).toMatchObject([{ path: "README.md", kind: "file" }]);
  const content = await ask(world, read(workspace, "README.md"));
  expect(FileContent.parse(content?.result).content).toBe("# A folder to try things\n");
  mkdirSync(join(folder, "elsewhere"));
  symlinkSync(join(folder, "elsewhere"), join(folder, "root", "way-out"));
  for (const outside of [join(folder, "elsewhere"), join(folder, "nothing"), join(folder, "root", "way-out"), "/etc"])
    expect((await ask(world, tree(outside)))?.error?.code).toBe("workspace_not_allowed");
  expect((await ask(world, tree(join(folder, "root", "gone"))))?.error?.code).toBe("workspace_unavailable");
  expect((await ask(world, read(workspace, "nothing")))?.error?.code).toBe("file_not_found");
  symlinkSync(join(folder, "elsewhere"), join(workspace, "link"));
  expect((await ask(world, tree(workspace, "link")))?.error?.code).toBe("file_not_allowed");
  writeFileSync(join(workspace, "large"), "x".repeat(FILE_ANSWER_MAX_BYTES + 1));
  expect((await ask(world, read(workspace, "large")))?.error).toMatchObject({
    code: "file_too_large",
    details: { sizeBytes: FILE_ANSWER_MAX_BYTES + 1, limitBytes: FILE_ANSWER_MAX_BYTES },
  });
});

it("NOD-22 a daemon never shows its own home or that of a hub beside it, though a workspace holds them", async () => {
  const world = await openWorld();
  const hubHome = join(world.folder, "hub-home");
  mkdirSync(hubHome);
  writeFileSync(join(hubHome, "cli-token"), "secret");
  await openDaemon(world, { workspaceRoots: [world.folder], hiddenFolders: [hubHome] });
  expect(existsSync(join(world.home, "identity.json"))).toBe(true);
  const found = await ask(world, tree(world.folder, "", { ignored: true }));
  const shown = FileTree.parse(found?.result).entries.map(({ path }) => path);
  expect(shown).toContain("root");
  expect(shown).not.toContain("home");
  expect(shown).not.toContain("hub-home");
  for (const path of ["home/identity.json", "hub-home/cli-token"])
    expect((await ask(world, { ...read(world.folder, path), ignored: true } as NodeRequest))?.error?.code).toBe(
      "file_not_found",
    );
});

it("NOD-22 a question that is cancelled ends its work on the machine, git's included", async () => {
  const world = await openWorld();
  const bin = join(world.folder, "bin");
  mkdirSync(bin);
  const note = join(world.folder, "git-pid");
  writeFileSync(join(bin, "git"), `#!/bin/sh\necho $$ > ${note}.new\nmv ${note}.new ${note}\nexec sleep 600\n`);
  chmodSync(join(bin, "git"), 0o755);
  const environment = { ...process.env, PATH: `${bin}:${process.env["PATH"]}` };
  await openDaemon(world, {}, undefined, environment);
  const requestId = send(world, tree(world.workspace));
  await until("git to run", () => existsSync(note));
  const pid = Number(readFileSync(note, "utf8"));
  world.hub.current.send({ type: "cancel", requestId });
  await until("git's end", () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
  expect(world.hub.all("response").filter((frame) => frame.requestId === requestId)).toEqual([]);
});
