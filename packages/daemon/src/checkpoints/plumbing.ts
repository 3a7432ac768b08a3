// git as this folder uses it: a private, empty repository whose only file of interest is
// `info/attributes`, pointed at the workspace's files and object store by environment variables.
// So no hook, filter, line-end rule, textconv or diff driver of any configuration takes part:
// a checkpoint's blob is byte for byte the file in the workspace.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Git, type GitCall, type GitResult, runGit } from "./git.ts";
import type { CheckpointLimits } from "./limits.ts";
import type { Workspace } from "./workspace.ts";

const RAW_ATTRIBUTES = "* -text -eol -crlf -filter -ident -working-tree-encoding !diff !merge\n";

/** Objects and refs are flushed to disk before git ends: a checkpoint outlives a power loss. */
const SETTINGS = [
  "core.autocrlf=false",
  "core.safecrlf=false",
  "core.attributesFile=/dev/null",
  "core.sparseCheckout=true",
  "core.protectNTFS=false",
  "core.protectHFS=false",
  "core.fsync=loose-object,reference",
  "core.fsyncMethod=batch",
];

export interface PlumbingCall extends Partial<Omit<GitCall, "args" | "env">> {
  readonly indexFile?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One per data folder. */
export class Plumbing {
  readonly git: Git;
  readonly limits: CheckpointLimits;
  readonly #dataDir: string;
  readonly #ready = new Map<string, Promise<string>>();
  #scratchCount = 0;

  constructor(options: { git: Git; dataDir: string; limits: CheckpointLimits }) {
    this.git = options.git;
    this.limits = options.limits;
    this.#dataDir = options.dataDir;
  }

  /** Runs git over the workspace's files and objects, its configuration and refs left out. */
  async raw(workspace: Workspace, args: readonly string[], call: PlumbingCall = {}): Promise<GitResult> {
    const { indexFile, settings, env, ...rest } = call;
    return runGit(this.git, {
      cwd: workspace.root,
      maxStdoutBytes: this.limits.maxListingBytes,
      ...rest,
      args,
      settings: [...workspace.carriedSettings, ...SETTINGS, ...(settings ?? [])],
      env: {
        ...ISOLATED,
        GIT_DIR: await this.emptyRepository(workspace),
        GIT_WORK_TREE: workspace.topLevel,
        GIT_OBJECT_DIRECTORY: join(workspace.commonDir, "objects"),
        ...(indexFile === undefined ? {} : { GIT_INDEX_FILE: indexFile }),
        ...env,
      },
    });
  }

  /** Runs git on the workspace's own repository, for its refs and attributes. */
  async real(workspace: Workspace, args: readonly string[], call: PlumbingCall = {}): Promise<GitResult> {
    const { indexFile, settings, env, ...rest } = call;
    return runGit(this.git, {
      cwd: workspace.root,
      maxStdoutBytes: this.limits.maxListingBytes,
      ...rest,
      args,
      settings: ["core.fsync=reference", "core.fsyncMethod=fsync", ...(settings ?? [])],
      env: {
        ...ISOLATED,
        GIT_DIR: workspace.gitDir,
        GIT_WORK_TREE: workspace.topLevel,
        ...(indexFile === undefined ? {} : { GIT_INDEX_FILE: indexFile }),
        ...env,
      },
    });
  }

  /** A folder of its own for one operation, removed when it ends. */
  async withScratch<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
    const parent = join(this.#dataDir, "scratch");
    await this.#once("scratch", () => removeDeadScratch(parent));
    this.#scratchCount += 1;
    const folder = join(parent, `${process.pid}-${this.#scratchCount}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** The folder that `raw` uses as its repository. */
  emptyRepository({ objectFormat }: Pick<Workspace, "objectFormat">): Promise<string> {
    return this.#once(objectFormat, async () => {
      const folder = join(this.#dataDir, `empty-${objectFormat}.git`);
      for (const name of ["objects", "refs", "info"]) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
      const extensions = objectFormat === "sha256" ? "[extensions]\n\tobjectformat = sha256\n" : "";
      const version = objectFormat === "sha256" ? 1 : 0;
      await writeFile(join(folder, "info", "attributes"), RAW_ATTRIBUTES);
      await writeFile(join(folder, "config"), `[core]\n\trepositoryformatversion = ${version}\n${extensions}`);
      await writeFile(join(folder, "HEAD"), "ref: refs/heads/none\n");
      return folder;
    });
  }

  #once(key: string, make: () => Promise<string>): Promise<string> {
    const known = this.#ready.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#ready.set(key, made);
    made.catch(() => this.#ready.delete(key));
    return made;
  }
}

const ISOLATED = { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_ATTR_NOSYSTEM: "1" };

/** What killed processes left behind. */
async function removeDeadScratch(parent: string): Promise<string> {
  for (const name of await readdir(parent).catch(() => [])) {
    const pid = Number.parseInt(name, 10);
    if (pid !== process.pid && !isAlive(pid)) await rm(join(parent, name), { recursive: true, force: true });
  }
  return parent;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
