// The opening: a hub, a machine, a repository, two threads.
import type { ProjectId, ThreadId } from "@muster/contracts";
import { lasting } from "../../output/time.ts";
import type { Step } from "../step.ts";
import { until, verify } from "../wait.ts";
import { connectTo, type DemoThread, makeRepository, startHubProcess, type World } from "../world.ts";

const NODE_LIMIT_MS = 8_000;

export const start: Step = {
  name: "start",
  title: "Start a hub and this machine's daemon on a free port",
  run: async (world) => {
    const began = performance.now();
    const up = await startHubProcess(world);
    const took = performance.now() - began;
    world.up = up;
    const { client, watch } = await connectTo(up, world.signal);
    Object.assign(world, { client, watch });
    const { status } = await client.api.health();
    verify(status === "ok", "the hub says that it is well", status);
    const node = await until(
      async () => (await client.api.nodes.list()).nodes.find(({ health }) => health === "online"),
      { what: "this machine to be online", timeoutMs: NODE_LIMIT_MS, signal: world.signal },
    );
    const sample = node.capabilities.providers?.find(({ name }) => name === "sample");
    verify(sample?.found === true, "the machine has the sample agent", node.capabilities.providers);
    return `ready after ${lasting(took)}, the machine is online`;
  },
};

export const open: Step = {
  name: "open",
  title: "Make a git repository a project, and open two threads in it",
  run: async (world) => {
    const { client, folders } = world as World;
    await makeRepository(world);
    const [{ defaultSessionId }, { nodes }] = await Promise.all([client.api.auth.me(), client.api.nodes.list()]);
    const nodeId = nodes[0]?.nodeId;
    verify(nodeId !== undefined, "a machine is attached");
    const projectId = client.ids.next() as ProjectId;
    await client.dispatch({
      type: "project.create",
      projectId,
      sessionId: defaultSessionId,
      nodeId,
      title: "A little shop",
      workspaceRoot: folders.repository,
    });
    const thread = async (title: string, worktreePath: string | null, branch: string | null): Promise<DemoThread> => {
      const threadId = client.ids.next() as ThreadId;
      const runtimeMode = "approval-required";
      await client.dispatch({
        type: "thread.create",
        threadId,
        projectId,
        title,
        provider: "sample",
        branch,
        worktreePath,
        runtimeMode,
      });
      return { threadId, title, folder: worktreePath ?? folders.repository };
    };
    const first = await thread("Prices", null, null);
    const second = await thread("Documentation", folders.worktree, "docs");
    Object.assign(world, { projectId, first, second });
    const snapshot = await client.api.orchestration.getSnapshot({ projectId });
    const ids = snapshot.threads.map(({ threadId }) => threadId).sort();
    verify(ids.join() === [first.threadId, second.threadId].sort().join(), "the snapshot lists the two threads", ids);
    return "both are listed, the second with a work tree of its own";
  },
};
