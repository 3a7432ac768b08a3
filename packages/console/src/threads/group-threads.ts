// The list of threads as it is shown: searched by title, grouped by project, the project with the newest thread first. Pure.
import type { ProjectRow, ThreadSummary } from "@muster/contracts";

export interface ThreadGroup {
  readonly project: ProjectRow;
  /** The newest first. */
  readonly threads: readonly ThreadSummary[];
}

/** Projects without a thread come last, and only when nothing is searched for. */
export function groupThreads(
  projects: readonly ProjectRow[],
  threads: readonly ThreadSummary[],
  search: string,
): ThreadGroup[] {
  const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const newest = (group: ThreadGroup): string => group.threads[0]?.updatedAt ?? "";
  return projects
    .map((project) => ({
      project,
      threads: threads.filter(
        (thread) =>
          thread.projectId === project.projectId &&
          words.every((word) => `${thread.title} ${project.title}`.toLocaleLowerCase().includes(word)),
      ),
    }))
    .filter((group) => group.threads.length > 0 || words.length === 0)
    .sort(
      (first, second) =>
        newest(second).localeCompare(newest(first)) || first.project.title.localeCompare(second.project.title),
    );
}
