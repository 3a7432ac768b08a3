// Facts from outside a stream that a decision rests on. Whatever is read here for a decision comes back as a guard, so
// that the append proves it once more under its lock; one rule, no list of exceptions.
import type {
  ApprovalRequestId,
  ClientCommand,
  CommandId,
  InternalCommand,
  MessageId,
  NodeCapabilities,
  ProjectId,
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
  type Reporter,
} from "@muster/core";
import type { Guard, Query, QueryOf, Row, Select, Store } from "@muster/store";
import { isBelowFloor } from "../nodes/index.ts";
import { type HealthState, type HubRow, messageIdUse, type SlotState, turnIdUse } from "../schema/index.ts";
import * as statements from "./fact-statements.ts";

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
  guarded<Values, Found extends object>(statement: Select<Values, Found>, values: Values): Promise<readonly Found[]> {
    return this.guardedQuery(statement(this.#store.dialect, values));
  }

  guardedQuery<Found extends object>(query: QueryOf<Found>): Promise<readonly Found[]> {
    return this.#once(query, async () => {
      const expected = this.#prefetched.get(keyOf(query)) ?? (await this.#store.read<Row>(query as Query));
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
  read<Values, Found extends object>(statement: Select<Values, Found>, values: Values): Promise<readonly Found[]> {
    const query = statement(this.#store.dialect, values);
    return this.#once(query, () => this.#store.read<Row>(query as Query));
  }

  /** What is found by a query is kept as rows, and given to whoever asks it as what its statement says they are. */
  #once<Found extends object>(query: QueryOf<Found>, ask: () => Promise<readonly Row[]>): Promise<readonly Found[]> {
    const key = keyOf(query);
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      answer = ask();
      this.#answers.set(key, answer);
    }
    return answer as Promise<readonly object[]> as Promise<readonly Found[]>;
  }

  async node({ sessionId, nodeId }: Pick<ProjectState, "sessionId" | "nodeId">): Promise<NodeFacts> {
    const spaceId = this.#spaceId;
    const [[slot], [standing], [presence]] = await Promise.all([
      this.guarded(statements.slotOf, { spaceId, nodeId, sessionId }),
      this.guarded(statements.standingOf, { spaceId, sessionId, nodeId }),
      this.read(statements.healthOf, { spaceId, nodeId }),
    ]);
    return nodeFactsOf(slot, standing, presence?.health_state);
  }

  /** How far the project's node is heard. One question per batch and session. */
  async reporter({ sessionId, nodeId }: Pick<ProjectState, "sessionId" | "nodeId">): Promise<Reporter> {
    const [found] = await this.guarded(statements.reporterOf, { spaceId: this.#spaceId, sessionId, nodeId });
    if (found?.revoked === 1) return "revoked";
    return found?.contributes === 1 ? "heard" : "suspended";
  }

  async sessionIsActive(sessionId: SessionId): Promise<boolean> {
    const [session] = await this.guarded(statements.sessionState, { spaceId: this.#spaceId, sessionId });
    return session?.state === "active";
  }

  async isTurnIdUsed(turnId: TurnId): Promise<boolean> {
    return (await this.guarded(turnIdUse, { spaceId: this.#spaceId, id: turnId })).length > 0;
  }

  async isMessageIdUsed(messageId: MessageId): Promise<boolean> {
    return (await this.guarded(messageIdUse, { spaceId: this.#spaceId, id: messageId })).length > 0;
  }

  async isRequestIdUsed(requestId: ApprovalRequestId): Promise<boolean> {
    return (await this.guarded(statements.requestIdUse, { spaceId: this.#spaceId, requestId })).length > 0;
  }

  /** An assistant message of one of the thread's turns that has ended. Changes with the thread's stream alone, whose version every append proves. */
  async assistantMessage(threadId: ThreadId, messageId: MessageId): Promise<AssistantMessage | null> {
    const [row] = await this.read(statements.assistantMessage, { spaceId: this.#spaceId, messageId, threadId });
    return row === undefined ? null : { messageId, turnId: row.turn_id, length: row.text.length, isStreaming: false };
  }

  /** The turn is one of the thread's and no longer waits; changes with the thread's stream alone. */
  async hasTurnStarted(threadId: ThreadId, turnId: TurnId): Promise<boolean> {
    return (await this.read(statements.startedTurn, { spaceId: this.#spaceId, turnId, threadId })).length > 0;
  }

  /** The assistant message of a turn that began last; changes with the thread's stream alone. */
  async assistantMessageOf(threadId: ThreadId, turnId: TurnId): Promise<MessageId | null> {
    const [turn] = await this.read(statements.assistantMessageOfTurn, { spaceId: this.#spaceId, turnId, threadId });
    return turn?.assistant_message_id ?? null;
  }

  async liveThreadIds(projectId: ProjectId): Promise<ThreadId[]> {
    const rows = await this.guarded(statements.liveThreads, { spaceId: this.#spaceId, projectId });
    return rows.map((row) => row.thread_id);
  }

  /** True while the start of the turn was never on its way to the node: then the node cannot have heard of it. */
  async isStartUndelivered(threadId: ThreadId, turnId: TurnId): Promise<boolean> {
    const rows = await this.guarded(statements.startDeliveries, { spaceId: this.#spaceId, threadId, turnId });
    return rows.every((row) => row.status === "pending" && row.attempt_count === 0);
  }

  async checkpoint({
    threadId,
    turnCount,
    checkpointRef,
  }: Extract<ClientCommand, { type: "thread.checkpoint.revert" }>): Promise<DecisionContext["checkpoint"]> {
    const of = { spaceId: this.#spaceId, threadId };
    const [row] =
      turnCount === undefined
        ? await this.guarded(statements.checkpointByRef, { ...of, checkpointRef: checkpointRef ?? "" })
        : await this.guarded(statements.checkpointByTurnCount, { ...of, turnCount });
    if (row === undefined) return null;
    return {
      turnCount: row.checkpoint_turn_count,
      checkpointRef: row.checkpoint_ref,
      isReady: row.status === "ready",
    };
  }

  async afterRevert({ threadId, turnCount }: RevertComplete): Promise<DecisionContext["afterRevert"]> {
    const spaceId = this.#spaceId;
    const turns = await this.guarded(statements.turnsOfThread, { spaceId, threadId });
    const dropped = new Set<TurnId | null>();
    let kept: { readonly turnId: TurnId; readonly turnCount: number } | null = null;
    for (const turn of turns) {
      if (turn.turn_count === null || turn.turn_count > turnCount) dropped.add(turn.turn_id);
      else if (kept === null || turn.turn_count >= kept.turnCount)
        kept = { turnId: turn.turn_id, turnCount: turn.turn_count };
    }
    const messages = await this.read(statements.messagesOfThread, { spaceId, threadId });
    return {
      turnIds: turns.filter((turn) => dropped.has(turn.turn_id)).map((turn) => turn.turn_id),
      messageIds: messages.filter((message) => dropped.has(message.turn_id)).map((message) => message.message_id),
      latestTurnId: kept?.turnId ?? null,
    };
  }

  /** True while no handing over of the revert was ever tried: then the node cannot have heard of it. */
  async isRevertUndelivered(threadId: ThreadId): Promise<boolean> {
    const rows = await this.guarded(statements.waitingReverts, { spaceId: this.#spaceId, threadId });
    return rows.length > 0 && rows.every((row) => row.attempt_count === 0);
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
    const spaceId = this.#spaceId;
    const asked = correlationId === null ? statements.revertEndByEvent : statements.revertEndByCommand;
    const [ending] = await this.guarded(asked, { spaceId, threadId, named });
    if (ending === undefined) return "under way";
    const { error } = JSON.parse(ending.payload_json) as { error?: string | null };
    // Nobody here knew what its node had done only where nobody there had said it.
    if (error == null || ending.actor_kind === "provider") return "over";
    const late = await this.guarded(statements.lateReverts, {
      spaceId,
      threadId,
      kind: LATE_REVERT_KIND,
      after: ending.sequence,
    });
    const isTold = late.some((row) =>
      correlationId === null
        ? (JSON.parse(row.payload_json) as { safetyRef?: string | null }).safetyRef === safetyRef
        : row.correlation_id === correlationId,
    );
    return isTold ? "over" : "given up";
  }
}

const keyOf = (query: Query): string => `${query.sql}\0${query.parameters.join("\0")}`;

type Slot = Pick<HubRow<"runtime_node_attachments">, "state" | "client_version" | "capabilities_json">;

const ACTIVE_STATES: ReadonlySet<SlotState> = new Set<SlotState>(["registering", "online", "degraded"]);

interface Standing {
  readonly min_client_version: string | null;
  readonly contributes: number;
}

function nodeFactsOf(
  slot: Slot | undefined,
  standing: Standing | undefined,
  health: HealthState | undefined,
): NodeFacts {
  const capabilities = capabilitiesOf(slot?.capabilities_json ?? null);
  return {
    isAttached: slot !== undefined && ACTIVE_STATES.has(slot.state),
    isReadOnly: slot !== undefined && isBelowFloor(slot.client_version, standing?.min_client_version ?? null),
    isSuspended: standing?.contributes !== 1,
    isOnline: health !== undefined && health !== "offline",
    workspaceRoots: capabilities.workspaceRoots ?? null,
    providers: capabilities.providers?.map((provider) => provider.name) ?? null,
  };
}

const capabilityTexts = new Map<string, NodeCapabilities>();

/** Parsed once per text: the same capabilities stand before every turn of a node. */
function capabilitiesOf(text: string | null): NodeCapabilities {
  if (text === null) return {};
  let parsed = capabilityTexts.get(text);
  if (parsed === undefined) {
    parsed = JSON.parse(text) as NodeCapabilities;
    if (capabilityTexts.size >= 1_000) capabilityTexts.clear();
    capabilityTexts.set(text, parsed);
  }
  return parsed;
}
