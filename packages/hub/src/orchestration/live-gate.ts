// Whether what a node tells live of a thread is passed on: only while the node has a slot in the thread's session and its owner may
// contribute one. Nobody stores what is told live, so no append proves it; a connection may outlive its node's place. The
// answer is kept for a moment, because live text comes in hundreds of pieces a second.
import type { SpaceId, ThreadId } from "@muster/contracts";
import type { Clock } from "@muster/core";
import { integer, type Store, select, text } from "@muster/store";
import { CONTRIBUTES } from "../nodes/index.ts";
import type { NodeIdentity } from "../ports.ts";
import { ofThread } from "../schema/index.ts";
import { LIVE_MESSAGES_MAX } from "./feed.ts";

/** An answer that is older is asked for anew; what comes meanwhile still goes by it. */
const FRESH_MS = 300;
/** What is told by an answer that is older waits for the new one, so that a revocation bites within a second. */
const KEPT_MS = 800;
/** Threads whose answer is kept. */
const ANSWERS_MAX = 10_000;
/** Questions to the store at once; what would be one more is dropped, as live text may be. */
const ASKING_MAX = 64;
/** Messages of one thread that wait for an answer, as many as a reader may have waiting; the oldest fall out. */
const WAITING_MAX = LIVE_MESSAGES_MAX;

const hearing = select({
  request: { ...ofThread, nodeId: text<NodeIdentity["nodeId"]>() },
  row: { one: integer() },
  sql: `SELECT 1 AS one FROM projection_threads t
    JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
    JOIN sessions session ON session.space_id = p.space_id AND session.session_id = p.session_id
    JOIN nodes node ON node.space_id = p.space_id AND node.node_id = p.node_id
    JOIN runtime_node_attachments slot
      ON slot.space_id = p.space_id AND slot.node_id = p.node_id AND slot.session_id = p.session_id
    WHERE t.space_id = :spaceId AND t.thread_id = :threadId AND p.node_id = :nodeId
      AND slot.state IN ('registering', 'online', 'degraded') AND ${CONTRIBUTES} = 1`,
});

interface Answer {
  isHeard: boolean;
  /** By the clock, when it was asked for; null: never yet. */
  at: number | null;
  isAsking: boolean;
  waiting: (() => void)[];
}

export class LiveGate {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();
  #asking = 0;

  /** @param store reads of it are by key */
  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Calls `pass`, at once or soon, or never. In the order of the calls for one node and thread. */
  tell({ spaceId, nodeId }: Pick<NodeIdentity, "spaceId" | "nodeId">, threadId: ThreadId, pass: () => void): void {
    const key = `${spaceId}\0${nodeId}\0${threadId}`;
    const answer = this.#answers.get(key) ?? { isHeard: false, at: null, isAsking: false, waiting: [] };
    const ageMs = answer.at === null ? Number.POSITIVE_INFINITY : Math.abs(this.#clock.now() - answer.at);
    if (ageMs > FRESH_MS && !answer.isAsking && !this.#ask({ spaceId, nodeId, threadId }, key, answer)) return;
    if (ageMs > KEPT_MS || answer.waiting.length > 0) {
      if (answer.waiting.length >= WAITING_MAX) answer.waiting.shift();
      answer.waiting.push(pass);
    } else if (answer.isHeard) pass();
  }

  /** False: too much is asked already. */
  #ask(
    asked: { readonly spaceId: SpaceId; readonly nodeId: NodeIdentity["nodeId"]; readonly threadId: ThreadId },
    key: string,
    answer: Answer,
  ): boolean {
    if (this.#asking >= ASKING_MAX) return false;
    this.#asking += 1;
    answer.isAsking = true;
    if (this.#answers.size >= ANSWERS_MAX) this.#answers.clear();
    this.#answers.set(key, answer);
    const at = this.#clock.now();
    void this.#store
      .read(hearing(this.#store.dialect, asked))
      // A store that does not answer passes nothing on.
      .catch(() => [])
      .then((found) => {
        this.#asking -= 1;
        answer.isAsking = false;
        answer.isHeard = found.length > 0;
        answer.at = at;
        const { waiting } = answer;
        answer.waiting = [];
        if (answer.isHeard) for (const pass of waiting) pass();
      });
    return true;
  }
}
