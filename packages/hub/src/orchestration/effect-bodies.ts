// From a stored effect, which names only ids, to what the node needs to act: read from the projections at the moment
// of handing over, so it is never stale.
import type {
  Attachment,
  CheckpointRef,
  CommandId,
  EffectBody,
  RuntimeMode,
  ThreadId,
  TurnId,
} from "@muster/contracts";
import { EffectBody as EffectBodySchema, MusterError } from "@muster/contracts";
import type { Row, Store } from "@muster/store";
import { query } from "./placeholders.ts";

export interface EffectRow {
  readonly spaceId: string;
  readonly effectId: string;
  readonly eventId: string;
  readonly threadId: ThreadId;
  readonly turnId: TurnId | null;
  readonly nodeId: string;
  readonly kind: EffectBody["kind"];
  readonly payload: Readonly<Record<string, unknown>>;
  readonly attemptCount: number;
  readonly fence: number;
}

export const effectRowOf = (row: Row): EffectRow => ({
  spaceId: String(row["space_id"]),
  effectId: String(row["effect_id"]),
  eventId: String(row["event_id"]),
  threadId: row["thread_id"] as ThreadId,
  turnId: row["turn_id"] as TurnId | null,
  nodeId: String(row["node_id"]),
  kind: row["kind"] as EffectBody["kind"],
  payload: JSON.parse(String(row["payload_json"])) as Record<string, unknown>,
  attemptCount: Number(row["attempt_count"]),
  fence: Number(row["fence"]),
});

/** @throws MusterError `turn_not_found` or `thread_not_found` when what the effect speaks of is gone. */
export async function effectBodyOf(store: Store, effect: EffectRow): Promise<EffectBody> {
  const [events, threads, turns] = await store.readTransaction([
    query(
      store.dialect,
      "SELECT correlation_id FROM orchestration_events WHERE space_id = ? AND event_id = ?",
      effect.spaceId,
      effect.eventId,
    ),
    query(
      store.dialect,
      `SELECT t.project_id, t.provider, t.runtime_mode, t.worktree_path, p.workspace_root FROM projection_threads t
       JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id WHERE t.space_id = ? AND t.thread_id = ?`,
      effect.spaceId,
      effect.threadId,
    ),
    query(
      store.dialect,
      `SELECT u.turn_count, u.model, u.effort, m.message_id, m.text, m.attachments_json FROM projection_thread_turns u
       JOIN projection_thread_messages m ON m.space_id = u.space_id AND m.message_id = u.user_message_id WHERE u.space_id = ? AND u.turn_id = ?`,
      effect.spaceId,
      effect.turnId ?? "",
    ),
  ]);
  const thread = threads?.[0];
  if (thread === undefined) throw new MusterError("thread_not_found");
  const common = {
    threadId: effect.threadId,
    correlationId: (events?.[0]?.["correlation_id"] ?? null) as CommandId | null,
  };
  const place = {
    workspaceRoot: String(thread["workspace_root"]),
    worktreePath: thread["worktree_path"] as string | null,
  };
  const { turnId, payload } = effect;
  switch (effect.kind) {
    case "node.turn.start": {
      const turn = turns?.[0];
      if (turn === undefined || turnId === null) throw new MusterError("turn_not_found");
      return EffectBodySchema.parse({
        kind: effect.kind,
        ...common,
        ...place,
        turnId,
        turnCount: Number(turn["turn_count"]),
        projectId: thread["project_id"],
        provider: String(thread["provider"]),
        model: turn["model"],
        effort: turn["effort"],
        runtimeMode: thread["runtime_mode"] as RuntimeMode,
        messageId: turn["message_id"],
        text: String(turn["text"]),
        attachments: JSON.parse(String(turn["attachments_json"])) as Attachment[],
        preamble: await keptConversation(store, effect),
      });
    }
    case "node.turn.interrupt":
      return EffectBodySchema.parse({ kind: effect.kind, ...common, turnId });
    case "node.approval.respond":
      return EffectBodySchema.parse({
        kind: effect.kind,
        ...common,
        turnId,
        requestId: payload["requestId"],
        decision: payload["decision"],
      });
    case "node.session.stop":
      return EffectBodySchema.parse({ kind: effect.kind, ...common });
    case "node.checkpoint.revert":
      return EffectBodySchema.parse({
        kind: effect.kind,
        ...common,
        ...place,
        turnCount: payload["turnCount"],
        checkpointRef: payload["checkpointRef"] as CheckpointRef,
        mode: payload["mode"],
        eventId: effect.eventId,
      });
    case "node.checkpoint.drop":
      return EffectBodySchema.parse({
        kind: effect.kind,
        ...common,
        ...place,
        turnCount: payload["turnCount"],
        // The safety checkpoint names the event that asked for the revert.
        eventId: String(payload["safetyRef"]).split("/").at(-1),
      });
  }
}

/** Characters of earlier conversation given to an agent that has to be told again what was said. */
const PREAMBLE_MAX_CHARACTERS = 60_000;
const SEPARATOR = "\n\n";

/** The conversation before this turn, newest kept, for an agent that cannot load its own session; null where there is none. */
async function keptConversation(store: Store, effect: EffectRow): Promise<string | null> {
  const rows = await store.read(
    query(
      store.dialect,
      `SELECT role, text FROM projection_thread_messages WHERE space_id = ? AND thread_id = ? AND (turn_id IS NULL OR turn_id <> ?)
         AND turn_id NOT IN (SELECT turn_id FROM projection_thread_turns WHERE space_id = ? AND thread_id = ? AND status = 'queued')
       ORDER BY created_at DESC, message_id DESC LIMIT 100`,
      effect.spaceId,
      effect.threadId,
      effect.turnId ?? "",
      effect.spaceId,
      effect.threadId,
    ),
  );
  const parts: string[] = [];
  let length = 0;
  for (const row of rows) {
    const speaker = row["role"] === "user" ? "User: " : "Assistant: ";
    const text = String(row["text"]);
    const room = PREAMBLE_MAX_CHARACTERS - length - speaker.length - SEPARATOR.length;
    if (room <= 0) break;
    // Of a message that does not fit its end is kept: what was said last counts most.
    const kept = text.length <= room ? text : `…${text.slice(text.length - room + 1)}`.toWellFormed();
    parts.unshift(speaker + kept);
    length += speaker.length + kept.length + SEPARATOR.length;
  }
  return parts.length === 0 ? null : parts.join(SEPARATOR);
}
