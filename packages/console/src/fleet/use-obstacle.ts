// Why nothing can be asked for in a project now, or why it waits, as its machine, its session and the person's role stand.
import type { ProjectRow } from "@muster/contracts";
import { useNodes } from "../application/muster.tsx";
import { sessionOf, useSessions } from "../sessions/use-sessions.ts";
import { nodeOfProject } from "../threads/thread-choices.ts";
import { type Mark, markOf } from "./standing.ts";

/** Null when what is asked for begins at once. */
export function useMark(project: ProjectRow | null | undefined): Mark | null {
  const nodes = useNodes();
  const sessions = useSessions();
  if (project === null || project === undefined) return null;
  return markOf(nodeOfProject(project, nodes), sessionOf(sessions, project.sessionId));
}

/** Null when something can be asked for. */
export function useObstacle(project: ProjectRow | null | undefined): Mark | null {
  const mark = useMark(project);
  return mark?.blocksTurns === true ? mark : null;
}
