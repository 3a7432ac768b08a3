// The question a node is asked before a project gets a folder.
import { MusterError } from "@muster/contracts";
import { command, createProject } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { onBothDatabases, openWorld, STRANGER, VIEWER, type World } from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

const refuse = (code: "workspace_unavailable" | "workspace_not_allowed" | "node_offline") => () =>
  Promise.reject(new MusterError(code));

onBothDatabases("the question for a folder", () => {
  it("a folder that the node cannot work in is refused before the project exists, and leaves no receipt (ORC-18)", async () => {
    for (const code of ["workspace_unavailable", "workspace_not_allowed"] as const) {
      world.nodes.answer = refuse(code);
      expect(await world.refusal(createProject())).toBe(code);
    }
    expect(await world.rows("SELECT command_id FROM orchestration_command_receipts")).toEqual([]);
    world.nodes.answer = () => Promise.resolve({ path: "/real" });
    expect((await world.dispatch(createProject())).receipt).toBe("accepted");
  });

  it("the same goes for another folder of a project that exists (ORC-18)", async () => {
    await world.dispatch(createProject());
    world.nodes.answer = refuse("workspace_unavailable");
    const { workspaceRoot } = createProject() as { workspaceRoot: string };
    const move = command("project.meta.update", { projectId: "project", workspaceRoot: `${workspaceRoot}/gone` });
    expect(await world.refusal(move)).toBe("workspace_unavailable");
  });

  it("a node that does not answer is not waited for: it checks again by itself before every turn", async () => {
    world.nodes.answer = refuse("node_offline");
    expect((await world.dispatch(createProject())).receipt).toBe("accepted");
  });

  it("a command that was accepted gets its answer again, whatever has become of the folder (ORC-20)", async () => {
    const create = createProject();
    await world.dispatch(create);
    world.nodes.answer = refuse("workspace_unavailable");
    expect((await world.dispatch(create)).receipt).toBe("duplicate");
  });

  it("NOD-16 is not asked of a suspended node", async () => {
    await world.dispatch(createProject());
    world.nodes.answer = refuse("workspace_unavailable");
    await world.run("UPDATE session_memberships SET role = 'collaborator' WHERE participant_id = 'owner'");
    const asked = world.nodes.requests.length;
    expect(await world.refusal(createProject({ projectId: "another" }))).toBe("runtimenode.permission_denied");
    const { workspaceRoot } = createProject() as { workspaceRoot: string };
    const move = command("project.meta.update", { projectId: "project", workspaceRoot: `${workspaceRoot}/gone` });
    expect((await world.dispatch(move)).receipt).toBe("accepted");
    expect(world.nodes.requests).toHaveLength(asked);
  });

  it("who may not make the project learns nothing of the machine's folders", async () => {
    world.nodes.answer = refuse("workspace_unavailable");
    expect(await world.refusal(createProject(), STRANGER)).toBe("permission_denied");
    expect(await world.refusal(createProject(), VIEWER)).toBe("permission_denied");
    expect(world.nodes.requests).toEqual([]);
  });
});
