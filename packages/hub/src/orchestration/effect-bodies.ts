// From a stored effect, which names only ids, to what the node needs to act: read from the projections at the moment
// of handing over, so it is never stale.
import type {
  Attachment,
  CheckpointRef,
  EffectBody,
  EffectId,
  EffectKind,
  EventId,
  NodeId,
  SpaceId,
  ThreadId,
  TurnId,
} from "@muster/contracts";
import { EffectBody as EffectBodySchema, MusterError } from "@muster/contracts";
import { pick, type Store, select, text } from "@muster/store";
import { HUB_TABLES, type HubRow, ofSpace, ofThread } from "../schema/index.ts";

export interface EffectRow {
  readonly spaceId: SpaceId;
  readonly effectId: EffectId;
  readonly eventId: EventId;
  readonly threadId: ThreadId;
  readonly turnId: TurnId | null;
  readonly nodeId: NodeId;
  readonly kind: EffectKind;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly attemptCount: number;
  readonly fence: number;
}

export const effectRowOf = (row: HubRow<"orchestration_effects">): EffectRow => ({
  spaceId: row.space_id,
  effectId: row.effect_id,
  eventId: row.event_id,
  threadId: row.thread_id,
  turnId: row.turn_id,
  nodeId: row.node_id,
  kind: row.kind,
  payload: JSON.parse(row.payload_json) as Record<string, unknown>,
  attemptCount: row.attempt_count,
  fence: row.fence,
});

const {
  orchestration_events: events,
  projection_projects: projects,
  projection_thread_messages: messages,
  projection_thread_turns: turns,
  projection_threads: threads,
} = HUB_TABLES;

const eventOf = select({
  request: { ...ofSpace, eventId: text<EventId>() },
  row: pick(events, "correlation_id"),
  sql: "SELECT correlation_id FROM orchestration_events WHERE space_id = :spaceId AND event_id = :eventId",
});

const threadOf = select({
  request: ofThread,
  row: {
    ...pick(threads, "project_id", "provider", "runtime_mode", "worktree_path"),
    workspace_root: projects.workspace_root,
  },
  sql: `SELECT t.project_id, t.provider, t.runtime_mode, t.worktree_path, p.workspace_root FROM projection_threads t
    JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
    WHERE t.space_id = :spaceId AND t.thread_id = :threadId`,
});

/** No turn's id is empty: so is asked for what is of no turn. */
const turnOrNone = text<TurnId | "">();

const turnOf = select({
  request: { ...ofSpace, turnId: turnOrNone },
  row: {
    ...pick(turns, "turn_count", "model", "effort"),
    ...pick(messages, "message_id", "text", "attachments_json"),
  },
  sql: `SELECT u.turn_count, u.model, u.effort, m.message_id, m.text, m.attachments_json FROM projection_thread_turns u
    JOIN projection_thread_messages m ON m.space_id = u.space_id AND m.message_id = u.user_message_id
    WHERE u.space_id = :spaceId AND u.turn_id = :turnId`,
});

/** More of them are not looked at, however short they are. */
const PREAMBLE_MESSAGES_MAX = 100;

const earlierMessages = select({
  request: { ...ofThread, turnId: turnOrNone },
  row: pick(messages, "role", "text"),
  sql: `SELECT role, text FROM projection_thread_messages WHERE space_id = :spaceId AND thread_id = :threadId
      AND (turn_id IS NULL OR (turn_id <> :turnId AND turn_id NOT IN (SELECT turn_id FROM projection_thread_turns
        WHERE space_id = :spaceId AND thread_id = :threadId AND status = 'queued')))
    ORDER BY created_at DESC, message_id DESC LIMIT ${PREAMBLE_MESSAGES_MAX}`,
});

/** @throws MusterError `turn_not_found` or `thread_not_found` when what the effect speaks of is gone. */
export async function effectBodyOf(store: Store, effect: EffectRow): Promise<EffectBody> {
  const { spaceId, eventId, threadId, turnId, payload } = effect;
  const { dialect } = store;
  const [[event], [thread], [turn]] = await store.readTransaction([
    eventOf(dialect, { spaceId, eventId }),
    threadOf(dialect, { spaceId, threadId }),
    turnOf(dialect, { spaceId, turnId: turnId ?? "" }),
  ]);
  if (thread === undefined) throw new MusterError("thread_not_found");
  const common = { threadId, correlationId: event?.correlation_id ?? null };
  const place = { workspaceRoot: thread.workspace_root, worktreePath: thread.worktree_path };
  switch (effect.kind) {
    case "node.turn.start": {
      if (turn === undefined || turnId === null) throw new MusterError("turn_not_found");
      return EffectBodySchema.parse({
        kind: effect.kind,
        ...common,
        ...place,
        turnId,
        turnCount: Number(turn.turn_count),
        projectId: thread.project_id,
        provider: thread.provider,
        model: turn.model,
        effort: turn.effort,
        runtimeMode: thread.runtime_mode,
        messageId: turn.message_id,
        text: turn.text,
        attachments: JSON.parse(turn.attachments_json) as Attachment[],
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
async function keptConversation(store: Store, { spaceId, threadId, turnId }: EffectRow): Promise<string | null> {
  const rows = await store.read(earlierMessages(store.dialect, { spaceId, threadId, turnId: turnId ?? "" }));
  const parts: string[] = [];
  let length = 0;
  for (const { role, text } of rows) {
    const speaker = role === "user" ? "User: " : "Assistant: ";
    const room = PREAMBLE_MAX_CHARACTERS - length - speaker.length - SEPARATOR.length;
    if (room <= 0) break;
    // Of a message that does not fit its end is kept: what was said last counts most.
    const kept = text.length <= room ? text : `…${text.slice(text.length - room + 1)}`.toWellFormed();
    parts.unshift(speaker + kept);
    length += speaker.length + kept.length + SEPARATOR.length;
  }
  return parts.length === 0 ? null : parts.join(SEPARATOR);
}
