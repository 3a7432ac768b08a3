// What a decision may look at besides its own stream. Every fact here was read for the decision and is checked
// again inside the append transaction; nothing else may influence a decider.
import type { CheckpointRef, MessageId, NewEvent, NodeId, ThreadId, TurnId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import type { AssistantMessage, ProjectState, ThreadState } from "./state.ts";

/** Who gives the command, by the authenticated path it came on, never by its content. */
export interface Actor {
  readonly kind: "client" | "server" | "provider";
  readonly id: string;
  /** The node that speaks, for kind `provider`. */
  readonly nodeId?: NodeId;
}

/** The project's node, as its slot in the project's session says. */
export interface NodeFacts {
  /** registering, online or degraded: the node may work here. */
  readonly isAttached: boolean;
  /** Below the session's version floor. */
  readonly isReadOnly: boolean;
  /** Its owner may contribute no machine to the session, or the session is not active. */
  readonly isSuspended: boolean;
  readonly isOnline: boolean;
  /** Folders the node allows work in; null: it declared none, and checks by itself. */
  readonly workspaceRoots: readonly string[] | null;
  /** Names of agents found on the node; null: it declared none. */
  readonly providers: readonly string[] | null;
}

/**
 * Beside one that is heard as ever: `suspended`, whose owner may contribute no machine to the session, and `revoked`, whose
 * slot in the project's session is. What is below the version floor, and what was released, is heard.
 */
export type Reporter = "heard" | "suspended" | "revoked";

export interface DecisionContext {
  readonly actor: Actor;
  /** The thread's project, or the project itself. */
  readonly project: ProjectState | null;
  readonly node: NodeFacts | null;
  /** What the node that reports may still say here; read for reports of the project's own node only. */
  readonly reporter: Reporter;
  readonly sessionIsActive: boolean;
  readonly isTurnIdUsed: boolean;
  readonly isMessageIdUsed: boolean;
  /** An approval with this id was opened before, whoever answered it; read for an activity that opens one. */
  readonly isRequestIdUsed: boolean;
  /** The assistant message of this thread that text goes to, where it is not of the running turn. */
  readonly storedMessage: AssistantMessage | null;
  /** The turn that a new message belongs to has started on this thread; read where it is not the running one. */
  readonly hasTurnStarted: boolean;
  /** The assistant message of the turn that began last; read for `thread.turn.diff.complete` only. */
  readonly assistantMessageId: MessageId | null;
  /** Threads of the project that are not deleted; read for `project.delete` only. */
  readonly liveThreads: readonly { readonly threadId: ThreadId; readonly state: ThreadState }[];
  /** The running turn's start has not been handed to its node; read for `thread.turn.interrupt` only. */
  readonly isStartUndelivered: boolean;
  /** The checkpoint that a revert names; read for `thread.checkpoint.revert` only. */
  readonly checkpoint: {
    readonly turnCount: number;
    readonly checkpointRef: CheckpointRef;
    readonly isReady: boolean;
  } | null;
  /** What lies after the turn count of a finished revert; read for `thread.revert.complete` only. */
  readonly afterRevert: {
    readonly turnIds: readonly TurnId[];
    readonly messageIds: readonly MessageId[];
    readonly latestTurnId: TurnId | null;
  };
  /**
   * What became of the revert that a node tells of, where its request is known: under way, given up here without a word
   * of the node in the thread yet, or over. Read for `thread.revert.complete` only.
   */
  readonly revertStands: "under way" | "given up" | "over";
  /** The revert under way has not been handed to its node; read for what gives one up. */
  readonly isRevertUndelivered: boolean;
}

export const EMPTY_CONTEXT: Omit<DecisionContext, "actor"> = {
  project: null,
  node: null,
  reporter: "heard",
  sessionIsActive: true,
  isTurnIdUsed: false,
  isMessageIdUsed: false,
  isRequestIdUsed: false,
  storedMessage: null,
  hasTurnStarted: false,
  assistantMessageId: null,
  liveThreads: [],
  isStartUndelivered: false,
  checkpoint: null,
  afterRevert: { turnIds: [], messageIds: [], latestTurnId: null },
  revertStands: "under way",
  isRevertUndelivered: false,
};

/** A fact for a stream. `causedBy` is the index, in the same decision, of the fact that led to it. */
export interface DecidedEvent {
  readonly aggregateKind: "project" | "thread";
  readonly streamId: string;
  readonly event: NewEvent;
  readonly causedBy?: number;
}

/** Diff text that goes beside the log: large, fetched by its own read. */
export interface DiffBlob {
  readonly threadId: ThreadId;
  readonly fromTurnCount: number;
  readonly toTurnCount: number;
  readonly diff: string;
  readonly truncated: boolean;
}

export interface Decision {
  /** Never empty: a command that changes nothing is refused or is a bug. */
  readonly events: readonly DecidedEvent[];
  readonly diffBlob?: DiffBlob;
}

/** Refuses a command. The code decides everything; the message is for people. */
export function refuse(
  code: ConstructorParameters<typeof MusterError>[0],
  message?: string,
  details?: Record<string, unknown>,
): never {
  throw new MusterError(code, message, details);
}

/** Nothing new is asked of a node that has no slot, or whose owner may contribute none. */
export function requireWorkingNode({ node }: Pick<DecisionContext, "node">): void {
  if (node === null || !node.isAttached) refuse("node_not_attached");
  if (node.isSuspended)
    refuse(
      "runtimenode.permission_denied",
      "The node is suspended: its owner may contribute no machine to the session.",
    );
}
