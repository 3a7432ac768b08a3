// Workspaces that end with the test that made them.
import { afterEach } from "vitest";
import { makeWorkspace, type TestWorkspace, type TestWorkspaceOptions } from "./test-workspace.ts";

/** Makes workspaces for the tests of a file, and removes them behind each. */
export function workspacesOfTest(): (options?: TestWorkspaceOptions) => TestWorkspace {
  const made: TestWorkspace[] = [];
  afterEach(() => {
    for (const one of made.splice(0)) one.remove();
  });
  return (options) => {
    const one = makeWorkspace(options);
    made.push(one);
    return one;
  };
}

const names = (output: string): string[] => output.split("\0").filter((name) => name !== "");

/** Paths of the files that a checkpoint holds. */
export const treeOf = (one: TestWorkspace, ref: string): string[] =>
  names(one.git("ls-tree", "-r", "-z", "--name-only", ref));
