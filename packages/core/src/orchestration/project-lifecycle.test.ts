// The life of a project as a table: every state against every command of a project, and against a thread made in it.
import type { ClientCommand, NewEvent, ThreadId } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import type { DecisionContext } from "../index.ts";
import {
  command,
  createProject,
  createThread,
  decideClient,
  event,
  foldThread,
  type Outcome,
  PROJECT,
  projectCreated,
  runningTurn,
} from "../testing/index.ts";

type ProjectLife = "absent" | "empty" | "with a running thread" | "deleted";
type Coming = Extract<ClientCommand["type"], `project.${string}`> | "project.delete by force" | "thread.create";

const busy = foldThread(runningTurn("turn"));
if (busy === null) throw new Error("the history makes a thread");
const FACTS: Record<ProjectLife, Partial<DecisionContext>> = {
  absent: { project: null },
  empty: {},
  "with a running thread": { liveThreads: [{ threadId: "thread" as ThreadId, state: busy }] },
  deleted: { project: { ...PROJECT, isDeleted: true } },
};
const HISTORIES: Record<ProjectLife, readonly NewEvent[]> = {
  absent: [],
  empty: [projectCreated],
  "with a running thread": [projectCreated],
  deleted: [projectCreated, event("project.deleted", { force: false })],
};
const COMMANDS: Record<Coming, () => ClientCommand> = {
  "project.create": () => createProject(),
  "project.meta.update": () => command("project.meta.update", { projectId: "project", title: "Another" }),
  "project.delete": () => command("project.delete", { projectId: "project" }),
  "project.delete by force": () => command("project.delete", { projectId: "project", force: true }),
  "thread.create": () => createThread(),
};

const TABLE: Record<ProjectLife, Record<Coming, string>> = {
  absent: {
    "project.create": "project.created",
    "project.meta.update": "project_not_found",
    "project.delete": "project_not_found",
    "project.delete by force": "project_not_found",
    "thread.create": "project_not_found",
  },
  empty: {
    "project.create": "project_exists",
    "project.meta.update": "project.meta-updated",
    "project.delete": "project.deleted",
    "project.delete by force": "project.deleted",
    "thread.create": "thread.created",
  },
  "with a running thread": {
    "project.create": "project_exists",
    "project.meta.update": "project.meta-updated",
    "project.delete": "project_has_threads",
    "project.delete by force": "thread.turn-settled thread.deleted project.deleted",
    "thread.create": "thread.created",
  },
  deleted: {
    "project.create": "project_exists",
    "project.meta.update": "project_not_found",
    "project.delete": "project_not_found",
    "project.delete by force": "project_not_found",
    "thread.create": "project_not_found",
  },
};

const come = (life: ProjectLife, coming: Coming): Outcome =>
  decideClient(coming === "thread.create" ? [] : HISTORIES[life], COMMANDS[coming](), FACTS[life]);

const cells = (Object.keys(TABLE) as ProjectLife[]).flatMap((life) =>
  (Object.entries(TABLE[life]) as [Coming, string][]).map(([coming, outcome]) => ({ life, coming, outcome })),
);

describe("the life of a project", () => {
  it.each(cells)("$life meets $coming: $outcome (ORC-15, ORC-17, ORC-18)", ({ life, coming, outcome }) => {
    const { refused, types } = come(life, coming);
    expect(refused ?? types.join(" ")).toBe(outcome);
  });
});
