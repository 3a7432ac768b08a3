// Diffs between turns: from stored blobs only. A range that was never stored is asked of the node once, kept, and
// served from then on.
import type { NodeId, SpaceId, ThreadId, TurnDiff } from "@muster/contracts";
import { DIFF_MAX_CHARACTERS, DiffFile, MusterError, spokenText } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import { insertInto, integer, nullable, pick, type RowOf, select } from "@muster/store";
import { z } from "zod";
import { CONTRIBUTES } from "../nodes/index.ts";
import type { Caller, NodeConnections } from "../ports.ts";
import { HUB_TABLES, ofThread } from "../schema/index.ts";
import { filesOfPatch } from "./patch-files.ts";
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
  /** Why the node may not be asked; null where it may. */
  readonly refusal: "node_not_attached" | "runtimenode.permission_denied" | null;
  /** What was read of all this: a guard compares it. */
  readonly row: RowOf<typeof placed>;
}

const {
  checkpoint_diff_blobs: diffBlobs,
  projection_checkpoints: checkpoints,
  projection_projects: projects,
  projection_threads: threads,
  runtime_node_attachments: slots,
} = HUB_TABLES;

const ofRange = { ...ofThread, fromTurnCount: integer(), toTurnCount: integer() } as const;

const storedDiff = pick(diffBlobs, "diff", "truncated");

const diffOf = select({
  request: ofRange,
  row: storedDiff,
  sql: `SELECT diff, truncated FROM checkpoint_diff_blobs WHERE space_id = :spaceId AND thread_id = :threadId
    AND from_turn_count = :fromTurnCount AND to_turn_count = :toTurnCount`,
});

const checkpoint = pick(
  checkpoints,
  "checkpoint_turn_count",
  "checkpoint_ref",
  "turn_id",
  "completed_at",
  "status",
  "files_json",
);

const checkpointsOf = select({
  request: ofRange,
  row: checkpoint,
  sql: `SELECT checkpoint_turn_count, checkpoint_ref, turn_id, completed_at, status, files_json
    FROM projection_checkpoints WHERE space_id = :spaceId AND thread_id = :threadId
    AND checkpoint_turn_count IN (:fromTurnCount, :toTurnCount)`,
});

const placed = {
  ...pick(projects, "node_id", "workspace_root"),
  worktree_path: threads.worktree_path,
  slot_id: nullable(slots.id),
  contributes: integer(),
};

const placeOf = select({
  request: ofThread,
  row: placed,
  sql: `SELECT p.node_id, p.workspace_root, t.worktree_path, slot.id AS slot_id, ${CONTRIBUTES} AS contributes
    FROM projection_threads t
    JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
    JOIN sessions session ON session.space_id = p.space_id AND session.session_id = p.session_id
    LEFT JOIN nodes node ON node.space_id = p.space_id AND node.node_id = p.node_id
    LEFT JOIN runtime_node_attachments slot ON slot.space_id = p.space_id AND slot.session_id = p.session_id
      AND slot.node_id = p.node_id AND slot.state IN ('registering', 'online', 'degraded')
    WHERE t.space_id = :spaceId AND t.thread_id = :threadId AND t.deleted_at IS NULL`,
});

/** What a checkpoint's row says of it: a guard compares it. */
const end = pick(checkpoints, "checkpoint_ref", "turn_id", "completed_at");

const endAt = select({
  request: { ...ofThread, turnCount: integer() },
  row: end,
  sql: `SELECT checkpoint_ref, turn_id, completed_at FROM projection_checkpoints
    WHERE space_id = :spaceId AND thread_id = :threadId AND checkpoint_turn_count = :turnCount`,
});

type Checkpoint = RowOf<typeof checkpoint>;
type End = RowOf<typeof end>;
interface Ends {
  readonly from: End;
  readonly to: End;
}
const endOf = ({ checkpoint_ref, turn_id, completed_at }: Checkpoint): End => ({
  checkpoint_ref,
  turn_id,
  completed_at,
});

interface Found {
  readonly place: Place;
  readonly blob: RowOf<typeof storedDiff> | undefined;
  readonly from: Checkpoint | undefined;
  readonly to: Checkpoint | undefined;
}

/** As for its files: lent to the session, by an owner who may contribute it there. */
function refusalOf({ slot_id, contributes }: RowOf<typeof placed>): Place["refusal"] {
  if (slot_id === null) return "node_not_attached";
  return contributes === 1 ? null : "runtimenode.permission_denied";
}

type Content = Pick<TurnDiff, "files" | "diff" | "truncated">;

/** What the blob of a range says; undefined where none is stored. */
function storedContent({ fromTurnCount, toTurnCount }: Range, { blob, to }: Found): Content | undefined {
  if (blob === undefined) return undefined;
  const { diff } = blob;
  const isOneTurn = toTurnCount === fromTurnCount + 1 && to !== undefined;
  const files = isOneTurn ? (JSON.parse(to.files_json) as DiffFile[]) : filesOfPatch(diff);
  return { files, diff, truncated: blob.truncated === 1 };
}

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
    const found = await this.#read(caller.spaceId, range);
    if (fromTurnCount === toTurnCount) return { ...range, files: [], diff: "", truncated: false };
    const stored = storedContent(range, found);
    if (stored !== undefined) return { ...range, ...stored };
    const { place, from, to } = found;
    if (from?.status !== "ready" || to?.status !== "ready")
      throw new MusterError("checkpoint_not_ready", undefined, { ...range });
    // Turn counts, and the refs named after them, are used again after a revert: the row tells one use from the next.
    const ends = { from: endOf(from), to: endOf(to) };
    const key = [caller.spaceId, threadId, ...Object.values(ends.from), ...Object.values(ends.to)].join("\0");
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#storedOrAsked(caller.spaceId, range, ends, place).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return { ...range, ...(await asking) };
  }

  /** @throws MusterError `thread_not_found` where the thread is deleted. */
  async #read(spaceId: SpaceId, { threadId, fromTurnCount, toTurnCount }: Range): Promise<Found> {
    const { store } = this.#parts;
    const of = { spaceId, threadId, fromTurnCount, toTurnCount };
    const [[blob], ends, [place]] = await store.readTransaction([
      diffOf(store.dialect, of),
      checkpointsOf(store.dialect, of),
      placeOf(store.dialect, { spaceId, threadId }),
    ]);
    if (place === undefined) throw new MusterError("thread_not_found");
    const checkpointAt = (turnCount: number) => ends.find((row) => row.checkpoint_turn_count === turnCount);
    return {
      place: {
        nodeId: place.node_id,
        workspaceRoot: place.workspace_root,
        worktreePath: place.worktree_path,
        refusal: refusalOf(place),
        row: place,
      },
      blob,
      from: checkpointAt(fromTurnCount),
      to: checkpointAt(toTurnCount),
    };
  }

  /** Reads once more: another may have asked and kept the answer since this one read that there was none. */
  async #storedOrAsked(spaceId: SpaceId, range: Range, ends: Ends, place: Place): Promise<Content> {
    const stored = storedContent(range, await this.#read(spaceId, range));
    return stored ?? this.#ask(spaceId, range, ends, place);
  }

  async #ask(spaceId: SpaceId, range: Range, ends: Ends, place: Place): Promise<Content> {
    const { connections } = this.#parts;
    const { nodeId, workspaceRoot, worktreePath, refusal } = place;
    // Connected for the sake of another session, or suspended in this one, the node is asked nothing.
    if (refusal !== null) throw new MusterError("diff_unavailable", undefined, { reason: refusal });
    const [fromRef, toRef] = [ends.from.checkpoint_ref, ends.to.checkpoint_ref];
    const request = {
      method: "turn.diff",
      threadId: range.threadId,
      workspaceRoot,
      worktreePath,
      fromRef,
      toRef,
    } as const;
    let answer: unknown;
    try {
      answer = await connections.request(spaceId, nodeId, request, { timeoutMs: DIFF_REQUEST_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      throw new MusterError("diff_unavailable", undefined, { reason: error.code }, { cause: error });
    }
    const parsed = NodeDiff.safeParse(answer);
    if (!parsed.success) throw new MusterError("diff_unavailable", undefined, { reason: "uplink.frame_invalid" });
    if (!(await this.#keep(spaceId, range, ends, place, parsed.data))) {
      // One that has lost its place since it was asked is heard no more.
      const { refusal: since } = (await this.#read(spaceId, range)).place;
      if (since !== null) throw new MusterError("diff_unavailable", undefined, { reason: since });
    }
    return parsed.data;
  }

  /**
   * Kept only while both checkpoints are still those it was made from, because a revert may have come between, and while
   * the node has its place.
   */
  async #keep(
    spaceId: SpaceId,
    { threadId, fromTurnCount, toTurnCount }: Range,
    ends: Ends,
    place: Place,
    { diff, truncated }: Content,
  ): Promise<boolean> {
    const { store, clock } = this.#parts;
    const guard = (turnCount: number, expected: End) => ({
      query: endAt(store.dialect, { spaceId, threadId, turnCount }),
      expected: [{ ...expected }],
    });
    const row = {
      space_id: spaceId,
      thread_id: threadId,
      from_turn_count: fromTurnCount,
      to_turn_count: toTurnCount,
      diff,
      truncated: truncated ? 1 : 0,
      created_at: isoTime(clock.now()),
    } as const;
    const { status } = await store.commit({
      guards: [
        guard(fromTurnCount, ends.from),
        guard(toTurnCount, ends.to),
        { query: placeOf(store.dialect, { spaceId, threadId }), expected: [{ ...place.row }] },
      ],
      statements: insertInto(store.dialect, HUB_TABLES, "checkpoint_diff_blobs", [row], { conflict: "ignore" }),
    });
    return status === "committed";
  }
}
