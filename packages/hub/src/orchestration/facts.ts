// Facts from outside a stream that a decision rests on. Whatever is read here for a decision comes back as a guard, so
// that the append proves it once more under its lock; one rule, no list of exceptions.
import type {
  ApprovalRequestId,
  CheckpointRef,
  ClientCommand,
  CommandId,
  InternalCommand,
  MessageId,
  NodeCapabilities,
  SessionId,
  SpaceId,
  ThreadId,
  TurnId,
} from "@muster/contracts";
import {
  type AssistantMessage,
  type DecisionContext,
  LATE_REVERT_KIND,
  type NodeFacts,
  type ProjectState,
} from "@muster/core";
import type { Guard, Query, Row, Store } from "@muster/store";
import { isBelowFloor } from "../nodes/index.ts";
import { messageIdUse, turnIdUse } from "../schema/index.ts";
import { inDialect } from "./placeholders.ts";

type RevertComplete = Extract<InternalCommand, { type: "thread.revert.complete" }>;

/** Reads and remembers what was read. One per batch: equal questions are asked once. */
export class FactReader {
  readonly #store: Store;
  readonly #spaceId: SpaceId;
  readonly #answers = new Map<string, Promise<readonly Row[]>>();
  readonly #prefetched = new Map<string, readonly Row[]>();
  readonly guards: Guard[] = [];

  constructor(store: Store, spaceId: SpaceId) {
    this.#store = store;
    this.#spaceId = spaceId;
  }

  /** A read that the append checks again. */
  guarded(sql: string, ...parameters: (string | number)[]): Promise<readonly Row[]> {
    return this.guardedQuery({ sql: this.#holes(sql), parameters });
  }

  guardedQuery(query: Query): Promise<readonly Row[]> {
    return this.#once(query, async () => {
      const expected = this.#prefetched.get(keyOf(query)) ?? (await this.#store.read(query));
      this.guards.push({ query, expected });
      return expected;
    });
  }

  /**
   * Asks what a batch is likely to ask, all at once: a database across a network answers one after the other as slowly as
   * it travels. What nobody asks for later is no guard.
   */
  async prefetch(queries: readonly Query[]): Promise<void> {
    const unknown = queries.filter((query) => !this.#answers.has(keyOf(query)) && !this.#prefetched.has(keyOf(query)));
    if (unknown.length === 0) return;
    const answers = await this.#store.readTransaction(unknown);
    for (const [index, query] of unknown.entries()) this.#prefetched.set(keyOf(query), answers[index] ?? []);
  }

  /** A read whose change between decision and append does no harm. */
  read(sql: string, ...parameters: (string | number)[]): Promise<readonly Row[]> {
    const query = { sql: this.#holes(sql), parameters };
    return this.#once(query, () => this.#store.read(query));
  }

  #once(query: Query, ask: () => Promise<readonly Row[]>): Promise<readonly Row[]> {
    const key = keyOf(query);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answer = ask();
    this.#answers.set(key, answer);
    return answer;
  }

  async node(project: Pick<ProjectState, "sessionId" | "nodeId">): Promise<NodeFacts> {
    const { sessionId, nodeId } = project;
    const [slots, floors, health] = await Promise.all([
      this.guarded(
        "SELECT state, client_version, capabilities_json FROM runtime_node_attachments WHERE space_id = ? AND node_id = ? AND session_id = ?",
        this.#spaceId,
        nodeId,
        sessionId,
      ),
      this.guarded(
        "SELECT min_client_version FROM sessions WHERE space_id = ? AND session_id = ?",
        this.#spaceId,
        sessionId,
      ),
      this.read(
        "SELECT health_state FROM runtime_node_presence WHERE space_id = ? AND node_id = ?",
        this.#spaceId,
        nodeId,
      ),
    ]);
    return nodeFactsOf(slots[0], floors[0]?.["min_client_version"] as string | null | undefined, health[0]);
  }

  async sessionIsActive(sessionId: SessionId): Promise<boolean> {
    const rows = await this.guarded(
      "SELECT state FROM sessions WHERE space_id = ? AND session_id = ?",
      this.#spaceId,
      sessionId,
    );
    return rows[0]?.["state"] === "active";
  }

  async isTurnIdUsed(turnId: TurnId): Promise<boolean> {
    return (await this.guardedQuery(turnIdUse(this.#store.dialect, this.#spaceId, turnId))).length > 0;
  }

  async isMessageIdUsed(messageId: MessageId): Promise<boolean> {
    return (await this.guardedQuery(messageIdUse(this.#store.dialect, this.#spaceId, messageId))).length > 0;
  }

  async isRequestIdUsed(requestId: ApprovalRequestId): Promise<boolean> {
    const rows = await this.guarded(
      "SELECT request_id FROM projection_pending_approvals WHERE space_id = ? AND request_id = ?",
      this.#spaceId,
      requestId,
    );
    return rows.length > 0;
  }

  /** An assistant message of one of the thread's turns that has ended. Changes with the thread's stream alone, whose version every append proves. */
  async assistantMessage(threadId: ThreadId, messageId: MessageId): Promise<AssistantMessage | null> {
    const rows = await this.read(
      `SELECT turn_id, text FROM projection_thread_messages
       WHERE space_id = ? AND message_id = ? AND thread_id = ? AND role = 'assistant' AND turn_id IS NOT NULL`,
      this.#spaceId,
      messageId,
      threadId,
    );
    const row = rows[0];
    if (row === undefined) return null;
    const turnId = row["turn_id"] as TurnId;
    return { messageId, turnId, length: String(row["text"]).length, isStreaming: false };
  }

  /** The turn is one of the thread's and no longer waits; changes with the thread's stream alone. */
  async hasTurnStarted(threadId: ThreadId, turnId: TurnId): Promise<boolean> {
    const rows = await this.read(
      "SELECT turn_count FROM projection_thread_turns WHERE space_id = ? AND turn_id = ? AND thread_id = ? AND turn_count IS NOT NULL",
      this.#spaceId,
      turnId,
      threadId,
    );
    return rows.length > 0;
  }

  /** The assistant message of a turn that began last; changes with the thread's stream alone. */
  async assistantMessageOf(threadId: ThreadId, turnId: TurnId): Promise<MessageId | null> {
    const rows = await this.read(
      "SELECT assistant_message_id FROM projection_thread_turns WHERE space_id = ? AND turn_id = ? AND thread_id = ?",
      this.#spaceId,
      turnId,
      threadId,
    );
    return (rows[0]?.["assistant_message_id"] as MessageId | null | undefined) ?? null;
  }

  async liveThreadIds(projectId: string): Promise<ThreadId[]> {
    const rows = await this.guarded(
      "SELECT thread_id FROM projection_threads WHERE space_id = ? AND project_id = ? AND deleted_at IS NULL ORDER BY created_at, thread_id",
      this.#spaceId,
      projectId,
    );
    return rows.map((row) => row["thread_id"] as ThreadId);
  }

  /** True while the start of the turn was never on its way to the node: then the node cannot have heard of it. */
  async isStartUndelivered(threadId: ThreadId, turnId: TurnId): Promise<boolean> {
    const rows = await this.guarded(
      "SELECT status, attempt_count FROM orchestration_effects WHERE space_id = ? AND thread_id = ? AND turn_id = ? AND kind = 'node.turn.start' ORDER BY event_sequence",
      this.#spaceId,
      threadId,
      turnId,
    );
    return rows.every((row) => row["status"] === "pending" && Number(row["attempt_count"]) === 0);
  }

  async checkpoint(
    command: Extract<ClientCommand, { type: "thread.checkpoint.revert" }>,
  ): Promise<DecisionContext["checkpoint"]> {
    const [column, value] =
      command.turnCount === undefined
        ? (["checkpoint_ref", command.checkpointRef ?? ""] as const)
        : (["checkpoint_turn_count", command.turnCount] as const);
    const rows = await this.guarded(
      `SELECT checkpoint_turn_count, checkpoint_ref, status FROM projection_checkpoints WHERE space_id = ? AND thread_id = ? AND ${column} = ?`,
      this.#spaceId,
      command.threadId,
      value,
    );
    const row = rows[0];
    if (row === undefined) return null;
    return {
      turnCount: Number(row["checkpoint_turn_count"]),
      checkpointRef: row["checkpoint_ref"] as CheckpointRef,
      isReady: row["status"] === "ready",
    };
  }

  async afterRevert(command: RevertComplete): Promise<DecisionContext["afterRevert"]> {
    const turns = await this.guarded(
      "SELECT turn_id, turn_count FROM projection_thread_turns WHERE space_id = ? AND thread_id = ? ORDER BY requested_at, turn_id",
      this.#spaceId,
      command.threadId,
    );
    const isDropped = (row: Row): boolean =>
      row["turn_count"] === null || Number(row["turn_count"]) > command.turnCount;
    const dropped = new Set(turns.filter(isDropped).map((row) => row["turn_id"] as TurnId));
    const kept = turns
      .filter((row) => !isDropped(row))
      .sort((a, b) => Number(a["turn_count"]) - Number(b["turn_count"]));
    const messages = await this.read(
      "SELECT message_id, turn_id FROM projection_thread_messages WHERE space_id = ? AND thread_id = ?",
      this.#spaceId,
      command.threadId,
    );
    return {
      turnIds: [...dropped],
      messageIds: messages
        .filter((row) => dropped.has(row["turn_id"] as TurnId))
        .map((row) => row["message_id"] as MessageId),
      latestTurnId: (kept.at(-1)?.["turn_id"] as TurnId | undefined) ?? null,
    };
  }

  /** True while no handing over of the revert was ever tried: then the node cannot have heard of it. */
  async isRevertUndelivered(threadId: ThreadId): Promise<boolean> {
    const rows = await this.guarded(
      `SELECT attempt_count FROM orchestration_effects WHERE space_id = ? AND thread_id = ? AND status = 'pending'
       AND kind = 'node.checkpoint.revert'`,
      this.#spaceId,
      threadId,
    );
    return rows.length > 0 && rows.every((row) => Number(row["attempt_count"]) === 0);
  }

  /**
   * What became of the revert that a node tells of. Its request is named by the safety checkpoint, or by the command that
   * asked for it; one that nothing names is taken for the one under way. A node tells its journal again after a restore.
   */
  async revertStands(
    { threadId, safetyRef }: Pick<RevertComplete, "threadId" | "safetyRef">,
    correlationId: CommandId | null,
  ): Promise<DecisionContext["revertStands"]> {
    const named = correlationId ?? safetyRef?.slice(safetyRef.lastIndexOf("/") + 1);
    if (named === undefined) return "under way";
    const [ending] = await this.guarded(
      `SELECT sequence, actor_kind, payload_json FROM orchestration_events
       WHERE space_id = ? AND aggregate_kind = 'thread' AND stream_id = ? AND event_type = 'thread.reverted' AND sequence > (
         SELECT sequence FROM orchestration_events WHERE space_id = ? AND ${correlationId === null ? "event_id" : "correlation_id"} = ?
         AND stream_id = ? AND event_type = 'thread.checkpoint-revert-requested')
       ORDER BY sequence LIMIT 1`,
      this.#spaceId,
      threadId,
      this.#spaceId,
      named,
      threadId,
    );
    if (ending === undefined) return "under way";
    const { error } = JSON.parse(String(ending["payload_json"])) as { error?: string | null };
    // Nobody here knew what its node had done only where nobody there had said it.
    if (error == null || ending["actor_kind"] === "provider") return "over";
    const late = await this.guarded(
      `SELECT a.payload_json, e.correlation_id FROM projection_thread_activities a
       JOIN orchestration_events e ON e.space_id = a.space_id AND e.event_id = a.activity_id
       WHERE a.space_id = ? AND a.thread_id = ? AND a.kind = ? AND e.sequence > ?`,
      this.#spaceId,
      threadId,
      LATE_REVERT_KIND,
      Number(ending["sequence"]),
    );
    const isTold = late.some((row) =>
      correlationId === null
        ? (JSON.parse(String(row["payload_json"])) as { safetyRef?: string | null }).safetyRef === safetyRef
        : row["correlation_id"] === correlationId,
    );
    return isTold ? "over" : "given up";
  }

  #holes(sql: string): string {
    return inDialect(this.#store.dialect, sql);
  }
}

const keyOf = (query: Query): string => `${query.sql}\0${query.parameters.join("\0")}`;

const ACTIVE_STATES: ReadonlySet<unknown> = new Set(["registering", "online", "degraded"]);

function nodeFactsOf(slot: Row | undefined, floor: string | null | undefined, presence: Row | undefined): NodeFacts {
  const capabilities = capabilitiesOf(slot?.["capabilities_json"]);
  return {
    isAttached: slot !== undefined && ACTIVE_STATES.has(slot["state"]),
    isReadOnly: slot !== undefined && isBelowFloor(String(slot["client_version"]), floor ?? null),
    isOnline: presence !== undefined && presence["health_state"] !== "offline",
    workspaceRoots: capabilities.workspaceRoots ?? null,
    providers: capabilities.providers?.map((provider) => provider.name) ?? null,
  };
}

const capabilityTexts = new Map<string, NodeCapabilities>();

/** Parsed once per text: the same capabilities stand before every turn of a node. */
function capabilitiesOf(text: unknown): NodeCapabilities {
  if (typeof text !== "string") return {};
  let parsed = capabilityTexts.get(text);
  if (parsed === undefined) {
    parsed = JSON.parse(text) as NodeCapabilities;
    if (capabilityTexts.size >= 1_000) capabilityTexts.clear();
    capabilityTexts.set(text, parsed);
  }
  return parsed;
}
