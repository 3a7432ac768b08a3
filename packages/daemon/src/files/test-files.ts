// What the tests of this folder share: a workspace beside things that are not to be seen, and questions about it.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { FileContent, FileTree } from "@muster/contracts";
import { WorkspaceFiles } from "./index.ts";

export interface TestFiles {
  /** Holds the workspace, `outside/secret` and a home for git; removed by `remove`. */
  readonly base: string;
  readonly root: string;
  readonly environment: Record<string, string>;
  write(path: string, content?: string | Buffer): void;
  tree(path?: string, more?: { depth?: number; ignored?: boolean; signal?: AbortSignal }): Promise<FileTree>;
  /** Paths of the tree, those of folders with `/` behind. */
  paths(path?: string, more?: { depth?: number; ignored?: boolean }): Promise<string[]>;
  read(path: string, more?: { ignored?: boolean; signal?: AbortSignal }): Promise<FileContent>;
  /** `ok`, or the code of the refusal. */
  codeOfRead(path: string, more?: { ignored?: boolean }): Promise<string>;
  remove(): void;
}

export const SECRET = "what nobody may see";

export function makeFiles(options: { readonly root?: string; readonly hidden?: readonly string[] } = {}): TestFiles {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "muster-files-")));
  const root = join(base, options.root ?? "work");
  for (const folder of [root, join(base, "outside"), join(base, "home")]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(base, "outside", "secret"), SECRET);
  // biome-ignore lint/style/noProcessEnv: git is found where it is for the tests themselves.
  const environment = { PATH: process.env["PATH"] ?? "", HOME: join(base, "home") };
  const files = new WorkspaceFiles({
    environment,
    hiddenFolders: (options.hidden ?? []).map((folder) => join(base, folder)),
  });
  const never = new AbortController().signal;
  const tree: TestFiles["tree"] = (path = "", { depth = 1, ignored = false, signal = never } = {}) =>
    files.tree({ root, path, depth, ignored, signal });
  const read: TestFiles["read"] = (path, { ignored = false, signal = never } = {}) =>
    files.read({ root, path, ignored, signal });
  return {
    base,
    root,
    environment,
    write: (path, content = "") => {
      const file = join(root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    },
    tree,
    paths: async (path, more) =>
      (await tree(path, more)).entries.map((entry) => (entry.kind === "folder" ? `${entry.path}/` : entry.path)),
    read,
    codeOfRead: (path, more) =>
      read(path, more).then(
        () => "ok",
        (error: unknown) => String((error as { code?: unknown }).code ?? error),
      ),
    remove: () => rmSync(base, { recursive: true, force: true }),
  };
}
