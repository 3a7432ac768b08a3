// Which files the restored state would ignore. A turn that edits `.gitignore` makes ignored files
// visible to the next checkpoint; without this check, undoing the turn would delete them.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { absolutePath, type BytePath, bytePath, joinNul, parentsOf, splitNul } from "./byte-path.ts";
import { listTree, objectSizes, readBlobs } from "./objects.ts";
import { readPlain } from "./plain-file.ts";
import type { Plumbing } from "./plumbing.ts";
import type { RawDiffEntry } from "./raw-diff.ts";
import type { Workspace } from "./workspace.ts";

export interface IgnoredRequest {
  readonly changes: readonly RawDiffEntry[];
  /** The state whose rules count. */
  readonly treeOid: string;
  readonly signal: AbortSignal | undefined;
}

/** The deletions among `changes` that the rules of the tree ignore; empty when no rule file changed. */
export async function ignoredIn(
  plumbing: Plumbing,
  workspace: Workspace,
  request: IgnoredRequest,
): Promise<Set<BytePath>> {
  const { changes, treeOid, signal } = request;
  const deletions = changes.filter((change) => change.status === "D").map((change) => change.path);
  if (deletions.length === 0 || !changes.some((change) => isRuleFile(change.path))) return new Set();

  return plumbing.withScratch(async (scratch) => {
    const top = join(scratch, "top");
    const root = workspace.prefix === "" ? top : join(top, workspace.prefix);
    await mkdir(root, { recursive: true });
    const rules = (await listTree(plumbing, workspace, treeOid, signal)).filter(
      (entry) => isRuleFile(entry.path) && entry.mode.startsWith("100"),
    );
    const sizes = await objectSizes(
      plumbing,
      workspace,
      rules.map((rule) => rule.oid),
      signal,
    );
    for await (const blobs of readBlobs(plumbing, workspace, sizes, signal)) {
      const contents = new Map(blobs.map(({ oid, content }) => [oid, content]));
      for (const { oid, path } of rules) {
        const content = contents.get(oid);
        if (content === undefined) continue;
        await mkdir(absolutePath(root, parentsOf(path).at(-1) ?? ("" as BytePath)), { recursive: true });
        await writeFile(absolutePath(root, path), content);
      }
    }
    // The folders above the workspace are in no checkpoint; their rules are those of today.
    for (const parent of workspace.prefix === "" ? [] : ["", ...parentsOf(bytePath(workspace.prefix))]) {
      const path = (parent === "" ? ".gitignore" : `${parent}/.gitignore`) as BytePath;
      const content = await readPlain(absolutePath(workspace.topLevel, path)).catch(() => undefined);
      if (content !== undefined) await writeFile(absolutePath(top, path), content);
    }
    const excludes = join(scratch, "excludes");
    const texts = await Promise.all(workspace.excludeFiles.map((file) => readPlain(file).catch(() => "")));
    await writeFile(excludes, texts.join("\n"));
    const { stdout } = await plumbing.raw(workspace, ["check-ignore", "-z", "--stdin", "--no-index"], {
      cwd: root,
      // This command takes no literal paths; behind "./" none looks like a pattern with a meaning of its own.
      env: { GIT_WORK_TREE: top, GIT_LITERAL_PATHSPECS: "0" },
      settings: [`core.excludesFile=${excludes}`],
      input: joinNul(deletions.map((path) => `./${path}`)),
      exitCodes: [0, 1],
      signal,
    });
    return new Set(splitNul(stdout).map((path) => path.slice(2) as BytePath));
  });
}

function isRuleFile(path: BytePath): boolean {
  return path === ".gitignore" || path.endsWith("/.gitignore");
}
