// What git ignores, asked of git itself: of the innermost repository around each folder, with the user's own rules. A
// workspace in no repository, or in one that ignores all of it, has no rules. Where git cannot tell, nothing is shown
// on a guess.
import { access, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { MusterError } from "@muster/contracts";
import { CheckpointError, type Environment, type GitResult, joinNul, runGit, splitNul } from "../checkpoints/index.ts";
import { GIT_CALL_MS, GIT_OUTPUT_MAX_BYTES, GIT_PATHS_MAX, REPOSITORIES_ASKED_MAX } from "./limits.ts";

/** Names of one folder. */
export interface Names {
  /** Real path. */
  readonly folder: string;
  /** As git has them: one byte per character. */
  readonly names: readonly string[];
}

const bytesOf = (path: string): string => Buffer.from(path, "utf8").toString("latin1");

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** As git finds it: a folder with what every repository has, or the file of a worktree or submodule. */
async function isRepository(folder: string): Promise<boolean> {
  const entry = join(folder, ".git");
  const found = await stat(entry).catch(() => undefined);
  if (found === undefined || !found.isDirectory()) return found?.isFile() ?? false;
  return (await Promise.all(["HEAD", "objects", "refs"].map((name) => exists(join(entry, name))))).every(Boolean);
}

export class IgnoreRules {
  readonly #root: string;
  readonly #environment: Environment;
  readonly #signal: AbortSignal;
  /** Folder → the top folder of the repository around it. */
  readonly #tops = new Map<string, Promise<string | null>>();
  readonly #asked = new Set<string>();

  /** For one answer. */
  constructor(options: { readonly root: string; readonly environment: Environment; readonly signal: AbortSignal }) {
    this.#root = options.root;
    this.#environment = options.environment;
    this.#signal = options.signal;
  }

  /**
   * Of each folder the names that git ignores and does not track, neither them nor anything below them; null for a folder
   * of a repository that is one too many.
   * @throws MusterError `workspace_unavailable` where git cannot tell.
   */
  async ignoredOf(listed: readonly Names[]): Promise<(ReadonlySet<string> | null)[]> {
    const byTop = new Map<string, number[]>();
    const answer = listed.map((): ReadonlySet<string> | null => new Set());
    for (const [index, { folder }] of listed.entries()) {
      const top = await this.#topOf(folder);
      if (top === null) continue;
      if (!this.#asked.has(top) && this.#asked.size >= REPOSITORIES_ASKED_MAX) answer[index] = null;
      else {
        this.#asked.add(top);
        byTop.set(top, [...(byTop.get(top) ?? []), index]);
      }
    }
    await Promise.all(
      [...byTop].map(async ([top, indices]) => {
        const found = await this.#ask(
          top,
          indices.map((index) => listed[index] as Names),
        );
        for (const [position, index] of indices.entries()) answer[index] = found[position] ?? null;
      }),
    );
    return answer;
  }

  /** Whether git ignores what is at a real path inside the workspace, or a folder above it. */
  async ignores(real: string): Promise<boolean> {
    if (real === this.#root) return false;
    const name = bytesOf(basename(real));
    const [ignored] = await this.ignoredOf([{ folder: dirname(real), names: [name] }]);
    return ignored?.has(name) ?? true;
  }

  async #ask(top: string, listed: readonly Names[]): Promise<Set<string>[]> {
    const paths = listed.map(({ folder, names }) => {
      const prefix = bytesOf(relative(top, folder));
      return names.map((name) => (prefix === "" ? name : `${prefix}/${name}`));
    });
    // Above the workspace lies, for example, a home folder kept in git: one that ignores the workspace does not rule it.
    const workspace = top !== this.#root && this.#root.startsWith(top) ? bytesOf(relative(top, this.#root)) : null;
    const all = workspace === null ? paths.flat() : [workspace, ...paths.flat()];
    if (all.length === 0) return listed.map(() => new Set());
    const { stdout } = await this.#git(top, ["check-ignore", "-z", "--stdin", "--no-index"], {
      // This command takes no literal paths; behind "./" none looks like a pattern with a meaning of its own.
      env: { GIT_LITERAL_PATHSPECS: "0" },
      input: joinNul(all.map((path) => `./${path}`)),
    });
    const ignored = new Set<string>(splitNul(stdout).map((path) => path.slice(2)));
    if (workspace !== null && ignored.has(workspace)) return listed.map(() => new Set());
    if (ignored.size > 0) for (const path of await this.#tracked(top, [...ignored])) ignored.delete(path);
    return paths.map((list, index) => {
      const names = listed[index]?.names ?? [];
      return new Set(names.filter((_name, position) => ignored.has(list[position] ?? "")));
    });
  }

  /** The given paths that git tracks in spite of its rules, and folders above such. */
  async #tracked(top: string, paths: readonly string[]): Promise<Set<string>> {
    const isText = paths.every((path) => !/[^\x20-\x7e]/.test(path));
    const { stdout } = await this.#git(
      top,
      isText && paths.length <= GIT_PATHS_MAX
        ? ["ls-files", "-z", "--cached", "--", ...paths]
        : ["ls-files", "-z", "--cached", "--ignored", "--exclude-standard"],
    );
    const tracked = new Set<string>();
    for (const path of splitNul(stdout)) {
      tracked.add(path);
      for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1))
        tracked.add(path.slice(0, slash));
    }
    return tracked;
  }

  async #git(
    top: string,
    args: readonly string[],
    call: { readonly env?: Record<string, string>; readonly input?: Buffer } = {},
  ): Promise<GitResult> {
    const git = { binary: "git", callLimitMs: GIT_CALL_MS, environment: this.#environment };
    try {
      return await runGit(git, {
        args,
        cwd: top,
        ...call,
        maxStdoutBytes: GIT_OUTPUT_MAX_BYTES,
        exitCodes: [0, 1],
        signal: this.#signal,
      });
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      throw new MusterError(
        "workspace_unavailable",
        `Git cannot say which files it ignores, so none are shown without the ignored ones: ${error.message}`,
        { reason: error.code },
        { cause: error },
      );
    }
  }

  #topOf(folder: string): Promise<string | null> {
    const known = this.#tops.get(folder);
    if (known !== undefined) return known;
    const found = isRepository(folder).then((is) => {
      if (is) return folder;
      return dirname(folder) === folder ? null : this.#topOf(dirname(folder));
    });
    this.#tops.set(folder, found);
    return found;
  }
}
