// Diffs between turns: from stored blobs only. A range that was never stored is asked of the node once, kept, and
// served from then on.
import type { CheckpointRef, DiffFile, NodeId, ThreadId, TurnDiff } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import { insertRows } from "@muster/store";
import { z } from "zod";
import type { Caller, NodeConnections } from "../ports.ts";
import { HUB_COLUMNS } from "../schema/index.ts";
import { query } from "./placeholders.ts";
import type { ReadParts } from "./reads.ts";

const DIFF_REQUEST_TIMEOUT_MS = 30_000;

export interface DiffParts extends ReadParts {
  readonly connections: NodeConnections;
  readonly clock: Clock;
}

const NodeDiff = z.object({ files: z.array(z.unknown()), diff: z.string(), truncated: z.boolean() });

export async function getTurnDiff(
  parts: DiffParts,
  caller: Caller,
  input: { threadId: ThreadId; fromTurnCount: number; toTurnCount: number },
): Promise<TurnDiff> {
  const { store, visibility } = parts;
  const { threadId, fromTurnCount, toTurnCount } = input;
  if (!(await visibility.canSeeThread(caller, threadId))) throw new MusterError("thread_not_found");
  if (fromTurnCount > toTurnCount)
    throw new MusterError("validation_failed", "A diff goes from the earlier turn to the later one.", { ...input });
  if (fromTurnCount === toTurnCount) return { ...input, files: [], diff: "", truncated: false };
  const [blobs, checkpoints, projects] = await store.readTransaction([
    query(
      store.dialect,
      "SELECT diff, truncated FROM checkpoint_diff_blobs WHERE space_id = ? AND thread_id = ? AND from_turn_count = ? AND to_turn_count = ?",
      caller.spaceId,
      threadId,
      fromTurnCount,
      toTurnCount,
    ),
    query(
      store.dialect,
      `SELECT checkpoint_turn_count, checkpoint_ref, status, files_json FROM projection_checkpoints
       WHERE space_id = ? AND thread_id = ? AND checkpoint_turn_count IN (?, ?)`,
      caller.spaceId,
      threadId,
      fromTurnCount,
      toTurnCount,
    ),
    query(
      store.dialect,
      `SELECT p.node_id, p.workspace_root, t.worktree_path FROM projection_threads t
       JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id WHERE t.space_id = ? AND t.thread_id = ?`,
      caller.spaceId,
      threadId,
    ),
  ]);
  const checkpointOf = (turnCount: number) =>
    checkpoints?.find((row) => Number(row["checkpoint_turn_count"]) === turnCount);
  const blob = blobs?.[0];
  const to = checkpointOf(toTurnCount);
  if (blob !== undefined) {
    const diff = String(blob["diff"]);
    const files =
      toTurnCount === fromTurnCount + 1 && to !== undefined
        ? (JSON.parse(String(to["files_json"])) as DiffFile[])
        : filesOf(diff);
    return { ...input, files, diff, truncated: Number(blob["truncated"]) === 1 };
  }
  const from = checkpointOf(fromTurnCount);
  if (from?.["status"] !== "ready" || to?.["status"] !== "ready")
    throw new MusterError("checkpoint_not_ready", undefined, { ...input });
  const place = projects?.[0];
  if (place === undefined) throw new MusterError("thread_not_found");
  return {
    ...input,
    ...(await askNode(
      parts,
      caller,
      input,
      from["checkpoint_ref"] as CheckpointRef,
      to["checkpoint_ref"] as CheckpointRef,
      place,
    )),
  };
}

async function askNode(
  { store, connections, clock }: DiffParts,
  caller: Caller,
  { threadId, fromTurnCount, toTurnCount }: { threadId: ThreadId; fromTurnCount: number; toTurnCount: number },
  fromRef: CheckpointRef,
  toRef: CheckpointRef,
  place: Readonly<Record<string, unknown>>,
): Promise<Pick<TurnDiff, "files" | "diff" | "truncated">> {
  let answer: unknown;
  try {
    answer = await connections.request(
      caller.spaceId,
      place["node_id"] as NodeId,
      {
        method: "turn.diff",
        threadId,
        workspaceRoot: String(place["workspace_root"]),
        worktreePath: place["worktree_path"] as string | null,
        fromRef,
        toRef,
      },
      { timeoutMs: DIFF_REQUEST_TIMEOUT_MS },
    );
  } catch (error) {
    if (!(error instanceof MusterError)) throw error;
    throw new MusterError("diff_unavailable", undefined, { reason: error.code }, { cause: error });
  }
  const parsed = NodeDiff.safeParse(answer);
  if (!parsed.success) throw new MusterError("diff_unavailable", undefined, { reason: "uplink.frame_invalid" });
  const { diff, truncated } = parsed.data;
  const row = [caller.spaceId, threadId, fromTurnCount, toTurnCount, diff, truncated ? 1 : 0, isoTime(clock.now())];
  // Kept only while both checkpoints are still those it was made from: a revert may have come between.
  const guard = (turnCount: number, ref: CheckpointRef) => ({
    query: query(
      store.dialect,
      "SELECT checkpoint_ref FROM projection_checkpoints WHERE space_id = ? AND thread_id = ? AND checkpoint_turn_count = ?",
      caller.spaceId,
      threadId,
      turnCount,
    ),
    expected: [{ checkpoint_ref: ref }],
  });
  await store.commit({
    guards: [guard(fromTurnCount, fromRef), guard(toTurnCount, toRef)],
    statements: insertRows(store.dialect, "checkpoint_diff_blobs", HUB_COLUMNS.checkpoint_diff_blobs, [row], {
      conflict: "ignore",
    }),
  });
  return { files: parsed.data.files as DiffFile[], diff, truncated };
}

/** File names of a stored diff over several turns, whose list was not kept beside it. */
function filesOf(diff: string): DiffFile[] {
  const files: DiffFile[] = [];
  for (const match of diff.matchAll(/^diff --git (?:"?a\/.*?"? )"?b\/(.*?)"?$/gm)) {
    files.push({ path: match[1] ?? "", status: "modified", additions: null, deletions: null, binary: false });
  }
  return files;
}
