// Paths as people read them: from the folder of the project they look at, where they lie in it.
import { createContext, use } from "react";
import { pathWithin } from "../projects/folder.ts";

const WorkspaceContext = createContext<string | null>(null);

/** Below it, paths are told from this folder. */
export const WorkspaceProvider = WorkspaceContext;

export function useWorkspacePath(): (path: string) => string {
  const root = use(WorkspaceContext);
  return (path) => (root === null ? path : pathWithin(root, path));
}
