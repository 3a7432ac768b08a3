// Diffs between turns: from stored blobs only. A range that was never stored is asked of the node once, kept, and
// served from then on.
import type { CheckpointRef, NodeId, SpaceId, ThreadId, TurnDiff } from "@muster/contracts";
import { DIFF_MAX_CHARACTERS, DiffFile, MusterError, spokenText } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import { insertRows, type Row } from "@muster/store";
import { z } from "zod";
import type { Caller, NodeConnections } from "../ports.ts";
import { HUB_COLUMNS } from "../schema/index.ts";
import { filesOfPatch } from "./patch-files.ts";
import { query } from "./placeholders.ts";
import type { ReadParts } from "./reads.ts";

const DIFF_REQUEST_TIMEOUT_MS = 30_000;

export interface DiffParts extends ReadParts {
  readonly connections: NodeConnections;
  readonly clock: Clock;
}

const NodeDiff = z.object({
  files: z.array(DiffFile),
  diff: spokenText.max(DIFF_MAX_CHARACTERS),
  truncated: z.boolean(),
});

interface Range {
  readonly threadId: ThreadId;
  readonly fromTurnCount: number;
  readonly toTurnCount: number;
}

interface Place {
  readonly nodeId: NodeId;
  readonly workspaceRoot: string;
  readonly worktreePath: string | null;
}

/** What a checkpoint's row says of it, as the store names it: a guard compares it. */
interface End {
  readonly checkpoint_ref: CheckpointRef;
  readonly turn_id: string;
  readonly completed_at: string;
}
interface Ends {
  readonly from: End;
  readonly to: End;
}
const endOf = (row: Row): End => ({
  checkpoint_ref: row["checkpoint_ref"] as CheckpointRef,
  turn_id: String(row["turn_id"]),
  completed_at: String(row["completed_at"]),
});

type Content = Pick<TurnDiff, "files" | "diff" | "truncated">;

export class TurnDiffs {
  readonly #parts: DiffParts;
  /** Questions on their way: who asks for the same range meanwhile waits for the same answer. */
  readonly #asking = new Map<string, Promise<Content>>();

  constructor(parts: DiffParts) {
    this.#parts = parts;
  }

  /** @throws MusterError `thread_not_found`, `validation_failed`, `checkpoint_not_ready`, `diff_unavailable` with the reason. */
  async get(caller: Caller, range: Range): Promise<TurnDiff> {
    const { visibility } = this.#parts;
    const { threadId, fromTurnCount, toTurnCount } = range;
    if (!(await visibility.canSeeThread(caller, threadId))) throw new MusterError("thread_not_found");
    if (fromTurnCount > toTurnCount)
      throw new MusterError("validation_failed", "A diff goes from the earlier turn to the later one.", { ...range });
    const { place, blob, from, to } = await this.#read(caller.spaceId, range);
    if (fromTurnCount === toTurnCount) return { ...range, files: [], diff: "", truncated: false };
    if (blob !== undefined) {
      const diff = String(blob["diff"]);
      const isOneTurn = toTurnCount === fromTurnCount + 1 && to !== undefined;
      const files = isOneTurn ? (JSON.parse(String(to["files_json"])) as DiffFile[]) : filesOfPatch(diff);
      return { ...range, files, diff, truncated: Number(blob["truncated"]) === 1 };
    }
    if (from?.["status"] !== "ready" || to?.["status"] !== "ready")
      throw new MusterError("checkpoint_not_ready", undefined, { ...range });
    // Turn counts, and the refs named after them, are used again after a revert: the row tells one use from the next.
    const ends = { from: endOf(from), to: endOf(to) };
    const key = [caller.spaceId, threadId, ...Object.values(ends.from), ...Object.values(ends.to)].join("\0");
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#ask(caller.spaceId, range, ends, place).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return { ...range, ...(await asking) };
  }

  /** @throws MusterError `thread_not_found` where the thread is deleted. */
  async #read(
    spaceId: SpaceId,
    { threadId, fromTurnCount, toTurnCount }: Range,
  ): Promise<{ place: Place; blob: Row | undefined; from: Row | undefined; to: Row | undefined }> {
    const { store } = this.#parts;
    const [blobs, checkpoints, places] = await store.readTransaction([
      query(
        store.dialect,
        "SELECT diff, truncated FROM checkpoint_diff_blobs WHERE space_id = ? AND thread_id = ? AND from_turn_count = ? AND to_turn_count = ?",
        spaceId,
        threadId,
        fromTurnCount,
        toTurnCount,
      ),
      query(
        store.dialect,
        `SELECT checkpoint_turn_count, checkpoint_ref, turn_id, completed_at, status, files_json FROM projection_checkpoints
         WHERE space_id = ? AND thread_id = ? AND checkpoint_turn_count IN (?, ?)`,
        spaceId,
        threadId,
        fromTurnCount,
        toTurnCount,
      ),
      query(
        store.dialect,
        `SELECT p.node_id, p.workspace_root, t.worktree_path FROM projection_threads t
         JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
         WHERE t.space_id = ? AND t.thread_id = ? AND t.deleted_at IS NULL`,
        spaceId,
        threadId,
      ),
    ]);
    const place = places?.[0];
    if (place === undefined) throw new MusterError("thread_not_found");
    const checkpointOf = (turnCount: number) =>
      checkpoints?.find((row) => Number(row["checkpoint_turn_count"]) === turnCount);
    return {
      place: {
        nodeId: place["node_id"] as NodeId,
        workspaceRoot: String(place["workspace_root"]),
        worktreePath: place["worktree_path"] as string | null,
      },
      blob: blobs?.[0],
      from: checkpointOf(fromTurnCount),
      to: checkpointOf(toTurnCount),
    };
  }

  async #ask(spaceId: SpaceId, range: Range, ends: Ends, { nodeId, ...folder }: Place): Promise<Content> {
    const { connections } = this.#parts;
    const [fromRef, toRef] = [ends.from.checkpoint_ref, ends.to.checkpoint_ref];
    const request = { method: "turn.diff", threadId: range.threadId, ...folder, fromRef, toRef } as const;
    let answer: unknown;
    try {
      answer = await connections.request(spaceId, nodeId, request, { timeoutMs: DIFF_REQUEST_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      throw new MusterError("diff_unavailable", undefined, { reason: error.code }, { cause: error });
    }
    const parsed = NodeDiff.safeParse(answer);
    if (!parsed.success) throw new MusterError("diff_unavailable", undefined, { reason: "uplink.frame_invalid" });
    await this.#keep(spaceId, range, ends, parsed.data);
    return parsed.data;
  }

  /** Kept only while both checkpoints are still those it was made from: a revert may have come between. */
  async #keep(
    spaceId: SpaceId,
    { threadId, fromTurnCount, toTurnCount }: Range,
    ends: Ends,
    { diff, truncated }: Content,
  ): Promise<void> {
    const { store, clock } = this.#parts;
    const row = [spaceId, threadId, fromTurnCount, toTurnCount, diff, truncated ? 1 : 0, isoTime(clock.now())];
    const guard = (turnCount: number, end: End) => ({
      query: query(
        store.dialect,
        "SELECT checkpoint_ref, turn_id, completed_at FROM projection_checkpoints WHERE space_id = ? AND thread_id = ? AND checkpoint_turn_count = ?",
        spaceId,
        threadId,
        turnCount,
      ),
      expected: [{ ...end }],
    });
    await store.commit({
      guards: [guard(fromTurnCount, ends.from), guard(toTurnCount, ends.to)],
      statements: insertRows(store.dialect, "checkpoint_diff_blobs", HUB_COLUMNS.checkpoint_diff_blobs, [row], {
        conflict: "ignore",
      }),
    });
  }
}
