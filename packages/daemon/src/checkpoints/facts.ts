// What a checkpoint's commit says beside its tree: one line of JSON below the subject.
import { z } from "zod";
import { SKIP_REASONS, type SkippedPath } from "./snapshot.ts";
import type { Workspace } from "./workspace.ts";

const CommitFacts = z.object({
  /** A restore must know what a checkpoint could not say. */
  skipped: z.array(z.object({ path: z.string(), reason: z.enum(SKIP_REASONS) })).readonly(),
  /** The checkout and the folder in it: linked worktrees share their refs and no files. */
  topLevel: z.string().optional(),
  prefix: z.string().optional(),
  /** The commit's own date has whole seconds. */
  takenAtMs: z.number().optional(),
});
export type CommitFacts = z.infer<typeof CommitFacts>;

export function factsOf(workspace: Workspace, skipped: readonly SkippedPath[], takenAtMs: number): CommitFacts {
  return { skipped, topLevel: workspace.topLevel, prefix: workspace.prefix, takenAtMs };
}

/** A commit that says nothing we know, because someone else made it, left nothing out. */
export function parseFacts(line: string): CommitFacts {
  try {
    return CommitFacts.parse(JSON.parse(line));
  } catch {
    return { skipped: [] };
  }
}

/** The same but for the time. */
export function saysTheSame(one: CommitFacts, other: CommitFacts): boolean {
  const text = (facts: CommitFacts) => JSON.stringify({ ...facts, takenAtMs: 0 });
  return text(one) === text(other);
}
