// The difference between two checkpoints: a list of files with counts, and unified text of bounded size.
// Both come from tree objects alone; neither the workspace's files nor any configuration can change them.
import type { DiffFile } from "@muster/contracts";
import { type BytePath, displayPath } from "./byte-path.ts";
import { allEnded } from "./concurrency.ts";
import { DIFF_JSON_MAX_CHARACTERS } from "./limits.ts";
import { cutPatch } from "./patch-cut.ts";
import type { Plumbing } from "./plumbing.ts";
import { parseRawDiff, type RawDiffEntry } from "./raw-diff.ts";
import type { Workspace } from "./workspace.ts";

export interface CheckpointDiff {
  /** In order of path, at most `maxDiffFiles`. Counts are null for binary files. */
  readonly files: readonly DiffFile[];
  /** Unified diff with a/ and b/ prefixes, at most `maxDiffBytes`, cut at the end of a file or hunk. */
  readonly diff: string;
  /** Something of `files` or `diff` was cut. */
  readonly truncated: boolean;
}

const STATUSES: Readonly<Record<string, DiffFile["status"]>> = {
  A: "added",
  M: "modified",
  D: "deleted",
  R: "renamed",
  C: "copied",
  T: "type-changed",
};

const OPTIONS = [
  "-r",
  "-M50%",
  "-l1000",
  "--no-ext-diff",
  "--no-textconv",
  "--no-color",
  "--ignore-submodules=none",
  "--diff-algorithm=myers",
  "--no-indent-heuristic",
];
const PATCH_OPTIONS = [
  "--patch",
  "--unified=3",
  "--submodule=short",
  "--src-prefix=a/",
  "--dst-prefix=b/",
  "--full-index",
];

export async function diffTrees(
  plumbing: Plumbing,
  workspace: Workspace,
  trees: { readonly from: string; readonly to: string },
  signal: AbortSignal | undefined,
): Promise<CheckpointDiff> {
  if (trees.from === trees.to) return { files: [], diff: "", truncated: false };
  const { maxDiffBytes, maxDiffFiles } = plumbing.limits;
  const [listing, patch] = await allEnded([
    plumbing.raw(workspace, ["diff-tree", ...OPTIONS, "-z", "--raw", "--numstat", trees.from, trees.to], { signal }),
    plumbing.raw(workspace, ["diff-tree", ...OPTIONS, ...PATCH_OPTIONS, trees.from, trees.to], {
      signal,
      maxStdoutBytes: maxDiffBytes,
      atOutputLimit: "cut",
    }),
  ]);
  let counts = new Map<BytePath, Counts>();
  const entries = parseRawDiff(listing.stdout, (fields) => {
    counts = parseNumstat(fields);
  });
  const text = cutToTravel(patch.stdout, { maxBytes: maxDiffBytes, isComplete: !patch.cut });
  return {
    files: entries.slice(0, maxDiffFiles).map((entry) => toDiffFile(entry, counts.get(entry.path))),
    diff: text.patch,
    truncated: text.truncated || entries.length > maxDiffFiles,
  };
}

/** Control characters are six as JSON: a patch full of them is cut further, so that it fits the frame that carries it. */
function cutToTravel(patch: Buffer, limits: { readonly maxBytes: number; readonly isComplete: boolean }) {
  let maxBytes = limits.maxBytes;
  let text = cutPatch(patch, limits);
  while (JSON.stringify(text.patch).length > DIFF_JSON_MAX_CHARACTERS) {
    maxBytes = Math.floor(Math.min(maxBytes, Buffer.byteLength(text.patch)) / 2);
    text = cutPatch(patch, { maxBytes, isComplete: limits.isComplete });
  }
  return text;
}

interface Counts {
  readonly additions: number | null;
  readonly deletions: number | null;
}

/** `added\tdeleted\tpath`, or `added\tdeleted\t` followed by two paths for a rename; "-" counts mean binary. */
function parseNumstat(fields: readonly BytePath[]): Map<BytePath, Counts> {
  const counts = new Map<BytePath, Counts>();
  for (let at = 0; at < fields.length; at += 1) {
    const field = fields[at] ?? "";
    const firstTab = field.indexOf("\t");
    const secondTab = field.indexOf("\t", firstTab + 1);
    let path = field.slice(secondTab + 1) as BytePath;
    if (path === "") {
      path = fields[at + 2] ?? path;
      at += 2;
    }
    const number = (text: string) => (text === "-" ? null : Number(text));
    counts.set(path, {
      additions: number(field.slice(0, firstTab)),
      deletions: number(field.slice(firstTab + 1, secondTab)),
    });
  }
  return counts;
}

function toDiffFile(entry: RawDiffEntry, counts: Counts | undefined): DiffFile {
  const additions = counts?.additions ?? null;
  return {
    path: displayPath(entry.path),
    ...(entry.previousPath === undefined ? {} : { previousPath: displayPath(entry.previousPath) }),
    status: STATUSES[entry.status] ?? "modified",
    additions,
    deletions: counts?.deletions ?? null,
    binary: counts !== undefined && additions === null,
  };
}
