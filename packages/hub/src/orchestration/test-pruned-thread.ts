// A thread with everything that a turn can leave behind, for tests of what is taken away from it.
import type { ThreadId } from "@muster/contracts";
import {
  activity,
  askApproval,
  complete,
  createProject,
  createThread,
  finishDiff,
  settle,
  startTurn,
} from "@muster/core/testing";
import { logOf, rowsOf } from "./test-retention.ts";
import { OWNER, openWorld, settled, type World } from "./test-world.ts";

export const thread = "thread" as ThreadId;
/** Rows of effects go by their own age, and have tests of their own. */
export const NOTHING_OF_THREADS = { threads: 0, events: 0, diffs: 0, receipts: 0 };
export const SECRET = "a secret that nobody needs any more ".repeat(10).trim();
export const read = { threadId: thread, turnLimit: 10 };

/** A turn with everything that a turn can leave behind. */
export async function work(world: World, threadId = "thread", turnId = "turn"): Promise<void> {
  const at = { threadId, turnId };
  const first = (await world.orchestration.ingestCursor(node, world.journalId)) + 1;
  await world.dispatch(startTurn(turnId, { threadId, text: "Please do it." }));
  await settled();
  for (const run of world.nodes.runs.splice(0)) await world.orchestration.effectResult(node, run);
  await world.ingest(first, [
    activity("plan.updated", {
      ...at,
      summary: "0 of 1",
      payload: { entries: [{ content: "old", status: "pending" }] },
    }),
    activity("tool.completed", { ...at, tone: "tool", summary: "Read a file", payload: { output: SECRET } }),
    askApproval(`question-${turnId}`, {
      ...at,
      payload: {
        requestId: `question-${turnId}`,
        kind: "command",
        title: "May I?",
        options: [{ decision: "accept", label: "Yes" }],
        tool: { itemId: "item", title: SECRET, kind: "execute", status: "pending" },
      },
    }),
    activity("plan.updated", {
      ...at,
      summary: "1 of 1",
      payload: { entries: [{ content: "new", status: "completed" }] },
    }),
    complete(0, "It is done.", { ...at, messageId: `answer-${turnId}` }),
    finishDiff(turnId, 1, {
      threadId,
      diff: SECRET,
      files: [{ path: "a.ts", status: "modified", additions: 1, deletions: 0 }],
    }),
    settle(turnId, { threadId, detail: "a detail" }),
  ]);
  await settled();
}
export const node = { spaceId: OWNER.spaceId, nodeId: "node" as never, epoch: 1, connectionId: "connection" };

/** Lets the node take over whatever is on its way. */
export async function takeOver(world: World): Promise<void> {
  await settled();
  for (const run of world.nodes.runs.splice(0)) await world.orchestration.effectResult(node, run);
  await settled();
}

export const inDatabase = async (world: World, text: string): Promise<boolean> => {
  const tables = await Promise.all([logOf(world), rowsOf(world), world.rows("SELECT * FROM checkpoint_diff_blobs")]);
  return JSON.stringify(tables).includes(text);
};
export const receipts = async (world: World): Promise<number> =>
  (await world.rows("SELECT command_id FROM orchestration_command_receipts WHERE aggregate_kind = 'thread'")).length;

/** Bytes of everything that retention counts. */
export async function bytesInTables(world: World): Promise<number> {
  const sums = {
    orchestration_events: "octet_length(payload_json)",
    projection_thread_activities: "octet_length(payload_json) + octet_length(summary)",
    projection_pending_approvals: "octet_length(payload_json)",
    projection_thread_messages: "octet_length(text) + octet_length(attachments_json)",
    projection_checkpoints: "octet_length(files_json)",
    projection_thread_sessions: "octet_length(coalesce(last_error, ''))",
    projection_threads:
      "octet_length(title) + octet_length(coalesce(model, '')) + octet_length(coalesce(branch, '')) + octet_length(coalesce(worktree_path, ''))",
    checkpoint_diff_blobs: "octet_length(diff)",
    orchestration_effects:
      "octet_length(effect_id) + octet_length(event_id) + octet_length(thread_id) + octet_length(node_id) + octet_length(kind) + octet_length(payload_json)",
    orchestration_command_receipts:
      "octet_length(command_id) + octet_length(command_type) + octet_length(request_fingerprint) + octet_length(accepted_at) + octet_length(coalesce(error_json, ''))",
  };
  let bytes = 0;
  for (const [table, sum] of Object.entries(sums)) {
    const [row] = await world.rows(`SELECT coalesce(sum(${sum}), 0) AS bytes FROM ${table}`);
    bytes += Number(row?.["bytes"]);
  }
  return bytes;
}

/** A world in a file with a thread in which a turn left everything behind. */
export async function openPrunedWorld(): Promise<World> {
  const world = await openWorld({ isFile: true });
  await world.dispatch(createProject());
  await world.dispatch(createThread());
  await work(world);
  return world;
}
