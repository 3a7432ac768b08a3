// The door of files/: what the hub may ask about the files of a project's workspace. Nothing here writes.
import type { FileContent, FileTree } from "@muster/contracts";
import type { Environment } from "../checkpoints/index.ts";
import { notFound, Place, plainPath } from "./place.ts";
import { readContent } from "./read.ts";
import { IgnoreRules } from "./rules.ts";
import { readTree } from "./tree.ts";

export interface FilesQuestion {
  /** Real path of the workspace; that it may be looked at was settled before. */
  readonly root: string;
  /** From the root, with `/`. */
  readonly path: string;
  /** With what git ignores. */
  readonly ignored: boolean;
  /** Ends the work, git's included. */
  readonly signal: AbortSignal;
}

export interface FilesOptions {
  /** Of which git sees a part. */
  readonly environment: Environment;
  /** Folders of which nothing is shown, wherever they lie: Muster's own keys and tokens. */
  readonly hiddenFolders: readonly string[];
}

/**
 * All throw MusterError `file_not_found` (also for what is not shown), `file_not_allowed` (a path or link out of the
 * workspace, or what may not be read), `workspace_unavailable`.
 */
export class WorkspaceFiles {
  readonly #options: FilesOptions;

  constructor(options: FilesOptions) {
    this.#options = options;
  }

  async tree({ depth, ...question }: FilesQuestion & { readonly depth: number }): Promise<FileTree> {
    const { path, place, rules } = await this.#enter(question);
    return readTree(place, rules, { path, depth, signal: question.signal });
  }

  /** @throws MusterError `file_too_large` as well. */
  async read(question: FilesQuestion): Promise<FileContent> {
    const { path, place } = await this.#enter(question);
    const opened = await place.openFile(path);
    try {
      return await readContent(opened, path, question.signal);
    } finally {
      await opened.handle.close();
    }
  }

  async #enter({ root, path: given, ignored, signal }: FilesQuestion) {
    const path = plainPath(given);
    const place = await Place.open(root, this.#options.hiddenFolders);
    const rules = ignored ? null : new IgnoreRules({ root, environment: this.#options.environment, signal });
    // Before anything is opened: what git ignores is as if it were not there.
    if (rules !== null && path !== "" && (await rules.ignores(await place.resolve(path)))) throw notFound(path);
    signal.throwIfAborted();
    return { path, place, rules };
  }
}
