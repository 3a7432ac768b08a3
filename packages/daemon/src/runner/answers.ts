// Questions of the hub that change nothing: what differs between two checkpoints, and whether a folder can be worked in.
import { MusterError, type NodeRequest } from "@muster/contracts";
import { CheckpointError, type Checkpoints } from "../checkpoints/index.ts";
import { DIFF_FILES_MAX } from "./limits.ts";
import { checkWorkspace } from "./workspace.ts";

export interface AnswerTools {
  readonly checkpoints: Checkpoints;
  readonly workspaceRoots: readonly string[];
}

/**
 * `turn.diff` → {files, diff, truncated}; `workspace.check` → {path}.
 * @throws MusterError `workspace_not_allowed`, `workspace_unavailable`, `checkpoint_not_ready`, `diff_unavailable`.
 */
export async function answer(request: NodeRequest, signal: AbortSignal, tools: AnswerTools): Promise<unknown> {
  if (request.method === "workspace.check") return { path: await checkWorkspace(request.path, tools.workspaceRoots) };
  const workspaceRoot = await checkWorkspace(request.worktreePath ?? request.workspaceRoot, tools.workspaceRoots);
  try {
    const { files, diff, truncated } = await tools.checkpoints.diff({
      workspaceRoot,
      fromRef: request.fromRef,
      toRef: request.toRef,
      signal,
    });
    return { files: files.slice(0, DIFF_FILES_MAX), diff, truncated: truncated || files.length > DIFF_FILES_MAX };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const code = error.code === "checkpoint_missing" ? "checkpoint_not_ready" : "diff_unavailable";
    throw new MusterError(code, error.message, { reason: error.code }, { cause: error });
  }
}
