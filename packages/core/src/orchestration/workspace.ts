// Lexical check of a folder against the roots a node allows. The node itself checks again with symlinks resolved;
// this check exists so that a person hears of it at once.

/** True when `path` is absolute, has no `.` or `..` step, and is one of the roots or below one. Both slashes count. */
export function isInsideRoots(path: string, roots: readonly string[]): boolean {
  const steps = stepsOf(path);
  if (steps === null) return false;
  return roots.some((root) => {
    const rootSteps = stepsOf(root);
    return (
      rootSteps !== null && rootSteps.length <= steps.length && rootSteps.every((step, index) => step === steps[index])
    );
  });
}

function stepsOf(path: string): string[] | null {
  if (!/^(\/|[A-Za-z]:[\\/])/.test(path)) return null;
  const steps = path.split(/[\\/]+/).filter((step) => step !== "");
  return steps.some((step) => step === "." || step === "..") ? null : steps;
}
