// A revert that the hub gives up while the machine is at it: the machine does it all the same, and the thread, which keeps
// its turns, keeps their checkpoints too.
import type { ThreadId, TurnId } from "@muster/contracts";
import { expect, it } from "vitest";
import { readThread, until } from "../cli/muster.ts";
import { check } from "./checker.ts";
import { fromDatabase } from "./evidence.ts";
import { Parts } from "./parts.ts";
import { requestOf } from "./record.ts";
import { Sender } from "./sender.ts";
import { gather, makeProjects, quiet } from "./soak.ts";

it("ORC-35 a revert given up after it reached its machine takes no checkpoint of a kept turn away, and the thread can go back to each", async () => {
  const parts = new Parts();
  const sender = new Sender(() => parts.client);
  try {
    await parts.start();
    const [projectId] = await makeProjects(parts, sender);
    const threadId = sender.client.ids.next() as ThreadId;
    const accepted = async (command: Parameters<Sender["send"]>[0]) =>
      expect(await sender.send(command)).toMatchObject({ status: "accepted" });
    const thread = () => readThread(sender.client, threadId);
    await accepted({
      ...{ type: "thread.create", threadId, projectId: projectId as string, title: "Given up", provider: "sample" },
      ...{ branch: null, worktreePath: null, runtimeMode: "full-access" },
    });
    for (const name of ["one", "two"]) {
      const turnId = sender.client.ids.next() as TurnId;
      const text = `${requestOf(turnId)}\nedit ${name}.txt without asking: ${name}`;
      const message = { messageId: sender.client.ids.next(), role: "user", text } as const;
      await accepted({ type: "thread.turn.start", threadId, turnId, message, whenBusy: "reject" });
      await until("the turn's end", async () =>
        (await thread()).turns.some((turn) => turn.turnId === turnId && turn.status === "completed"),
      );
    }
    const revertTo = (turnCount: number) =>
      accepted({ type: "thread.checkpoint.revert", threadId, turnCount, mode: "both" });
    const told = (kind: string) =>
      until(kind, async () => (await thread()).activities.some((activity) => activity.kind === kind));

    // The machine has the revert on its way in, and does it when everybody has stopped waiting.
    process.kill(parts.daemon.pid ?? 0, "SIGSTOP");
    await revertTo(0);
    await until("the hand-over", () =>
      fromDatabase(parts.hubDatabase, (store) =>
        store.read({
          sql: "SELECT 1 AS one FROM orchestration_effects WHERE kind = 'node.checkpoint.revert' AND status = 'running'",
          parameters: [],
        }),
      ).then((rows) => rows.length > 0),
    );
    await accepted({ type: "thread.turn.interrupt", threadId });
    process.kill(parts.daemon.pid ?? 0, "SIGCONT");
    await told("revert.late");
    await quiet(parts, [], new AbortController().signal);
    expect(check(await gather(parts, sender, []))).toEqual([]);

    await revertTo(2);
    await told("revert.done");
    await revertTo(1);
    await until("the second", async () => (await thread()).turns.length === 1);
    await quiet(parts, [], new AbortController().signal);
    expect(check(await gather(parts, sender, []))).toEqual([]);
  } finally {
    sender.giveUp();
    await parts.clear();
  }
});
