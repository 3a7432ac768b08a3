// Why nothing can be asked for in a project now, as its machine, its session and the person's role stand.
import type { ProjectRow } from "@muster/contracts";
import { useNodes } from "../application/muster.tsx";
import { sessionOf, useSessions } from "../sessions/use-sessions.ts";
import { nodeOfProject } from "../threads/thread-choices.ts";
import { type Mark, obstacleOf } from "./standing.ts";

/** Null when something can be asked for. */
export function useObstacle(project: ProjectRow | null | undefined): Mark | null {
  const nodes = useNodes();
  const sessions = useSessions();
  if (project === null || project === undefined) return null;
  return obstacleOf(nodeOfProject(project, nodes), sessionOf(sessions, project.sessionId));
}
