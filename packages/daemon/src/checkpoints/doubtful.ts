// Tracked files whose index entry can't be believed though their stat data agree: the index holds
// what a filter, a line-end rule or an encoding made of them, or the user told git not to look.
// A capture reads these again, so that a checkpoint holds the file's own bytes.
import { lstat } from "node:fs/promises";
import { absolutePath, type BytePath, joinNul, splitNul } from "./byte-path.ts";
import { mapLimited } from "./concurrency.ts";
import { FILE_CALLS_IN_FLIGHT } from "./limits.ts";
import { objectSizes } from "./objects.ts";
import type { Plumbing } from "./plumbing.ts";
import type { Workspace } from "./workspace.ts";

interface TrackedEntry {
  readonly path: BytePath;
  readonly oid: string;
}

export interface TrackedFiles {
  readonly files: readonly TrackedEntry[];
  /** Marked "assume unchanged" in the index. */
  readonly unwatched: readonly BytePath[];
  readonly submodules: readonly BytePath[];
  readonly hasAttributes: boolean;
}

interface IndexCall {
  readonly indexFile: string;
  readonly signal: AbortSignal | undefined;
}

/** The index's regular files below the workspace root. */
export async function listTracked(plumbing: Plumbing, workspace: Workspace, call: IndexCall): Promise<TrackedFiles> {
  const { stdout } = await plumbing.raw(workspace, ["ls-files", "-z", "-v", "--stage"], call);
  const files: TrackedEntry[] = [];
  const unwatched: BytePath[] = [];
  const submodules: BytePath[] = [];
  let hasAttributes = false;
  for (const record of splitNul(stdout)) {
    // "<tag> <mode> <oid> <stage>\t<path>"; a lower-case tag means "assume unchanged".
    const tab = record.indexOf("\t");
    const [tag = "", mode = "", oid = ""] = record.slice(0, tab).split(" ");
    const path = record.slice(tab + 1) as BytePath;
    if (tag === "h") unwatched.push(path);
    if (mode === "160000") submodules.push(path);
    if (tag === "H" && mode.startsWith("100")) files.push({ path, oid });
    hasAttributes ||= path === ".gitattributes" || path.endsWith("/.gitattributes");
  }
  return { files, unwatched, submodules, hasAttributes };
}

/** False in most repositories; then nothing more is asked. A folder's parents may have attributes that it doesn't list. */
export function mayConvert(workspace: Workspace, tracked: TrackedFiles, untracked: readonly BytePath[]): boolean {
  return (
    workspace.convertsLineEnds ||
    workspace.prefix !== "" ||
    workspace.attributeFiles.length > 0 ||
    tracked.hasAttributes ||
    untracked.some((path) => path === ".gitattributes" || path.endsWith("/.gitattributes"))
  );
}

const PROGRAM_ATTRIBUTES = ["filter", "ident", "working-tree-encoding"];
const LINE_END_ATTRIBUTES = ["text", "eol", "crlf"];

/**
 * Files with a filter, an ident or an encoding: always, because their index entry is another text.
 * Files with a line-end rule: when the file and the index's blob have different sizes, because
 * every conversion of line ends changes the size.
 */
export async function convertedPaths(
  plumbing: Plumbing,
  workspace: Workspace,
  tracked: TrackedFiles,
  call: IndexCall,
): Promise<BytePath[]> {
  if (tracked.files.length === 0) return [];
  const names = [...PROGRAM_ATTRIBUTES, ...LINE_END_ATTRIBUTES];
  const { stdout } = await plumbing.real(workspace, ["check-attr", "-z", "--stdin", ...names], {
    ...call,
    input: joinNul(tracked.files.map(({ path }) => path)),
    settings: workspace.userAttributesFile === undefined ? [] : [`core.attributesFile=${workspace.userAttributesFile}`],
  });
  const rewritten = new Set<BytePath>();
  const lineEnds = new Set<BytePath>();
  const fields = splitNul(stdout);
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [path, name = "", value = ""] = [fields[at], fields[at + 1], fields[at + 2]];
    if (path === undefined || value === "unspecified" || value === "unset") continue;
    (PROGRAM_ATTRIBUTES.includes(name) ? rewritten : lineEnds).add(path);
  }

  const sized = tracked.files.filter(
    ({ path }) => !rewritten.has(path) && (workspace.convertsLineEnds || lineEnds.has(path)),
  );
  const sizes = await objectSizes(
    plumbing,
    workspace,
    sized.map(({ oid }) => oid),
    call.signal,
  );
  const doubtful = [...rewritten];
  await mapLimited(sized, FILE_CALLS_IN_FLIGHT, async ({ path, oid }) => {
    const file = await lstat(absolutePath(workspace.root, path)).catch(() => undefined);
    if (file?.isFile() && file.size !== sizes.get(oid)) doubtful.push(path);
  });
  return doubtful;
}
