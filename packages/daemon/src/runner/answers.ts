// Questions of the hub that change nothing: what differs between two checkpoints, whether a folder can be worked in, and
// what its files are.
import { MusterError, type NodeRequest } from "@muster/contracts";
import { CheckpointError, type Checkpoints } from "../checkpoints/index.ts";
import type { WorkspaceFiles } from "../files/index.ts";
import { DIFF_FILES_MAX } from "./limits.ts";
import { checkWorkspace } from "./workspace.ts";

export interface AnswerTools {
  readonly checkpoints: Checkpoints;
  readonly files: WorkspaceFiles;
  readonly workspaceRoots: readonly string[];
}

type RequestOf<Method extends NodeRequest["method"]> = Extract<NodeRequest, { method: Method }>;

/**
 * `turn.diff` → {files, diff, truncated}; `workspace.check` → {path}; `files.tree` → FileTree; `files.read` → FileContent.
 * @throws MusterError `workspace_not_allowed`, `workspace_unavailable`, `checkpoint_not_ready`, `diff_unavailable`,
 * `file_not_found`, `file_not_allowed`, `file_too_large`.
 */
export async function answer(request: NodeRequest, signal: AbortSignal, tools: AnswerTools): Promise<unknown> {
  switch (request.method) {
    case "workspace.check":
      return { path: await checkWorkspace(request.path, tools.workspaceRoots) };
    case "files.tree":
    case "files.read": {
      const { path, ignored } = request;
      const root = await checkWorkspace(request.workspaceRoot, tools.workspaceRoots);
      const question = { root, path, ignored, signal };
      return request.method === "files.read"
        ? tools.files.read(question)
        : tools.files.tree({ ...question, depth: request.depth });
    }
    case "turn.diff":
      return diff(request, signal, tools);
  }
}

async function diff(request: RequestOf<"turn.diff">, signal: AbortSignal, tools: AnswerTools): Promise<unknown> {
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
