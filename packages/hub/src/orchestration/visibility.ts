// Which session a stream belongs to, and so who may see its events, and which node runs it. Neither ever changes for a
// stream, so what is known stays known; what is unknown is asked once.
import type { NodeId, SessionId, SpaceId, WireEvent } from "@muster/contracts";
import { pick, type Store, select, text } from "@muster/store";
import type { Caller } from "../ports.ts";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";

const KNOWN_STREAMS_MAX = 50_000;

interface Place {
  readonly sessionId: SessionId;
  readonly nodeId: NodeId;
}

const ofStream = { ...ofSpace, streamId: text() } as const;
const place = pick(HUB_TABLES.projection_projects, "session_id", "node_id");

const placeOf = {
  project: select({
    request: ofStream,
    row: place,
    sql: "SELECT session_id, node_id FROM projection_projects WHERE space_id = :spaceId AND project_id = :streamId",
  }),
  thread: select({
    request: ofStream,
    row: place,
    sql: `SELECT p.session_id, p.node_id FROM projection_threads t JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
      WHERE t.space_id = :spaceId AND t.thread_id = :streamId`,
  }),
};

type Stream = Pick<WireEvent, "spaceId" | "aggregateKind" | "streamId">;

export class Visibility {
  readonly #store: Store;
  readonly #places = new Map<string, Place>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Rows were made anew: what was read from the old ones may be wrong. */
  forget(): void {
    this.#places.clear();
  }

  async canSee(caller: Caller, stream: Stream): Promise<boolean> {
    if (stream.spaceId !== caller.spaceId) return false;
    const place = await this.#placeOf(stream);
    return place !== null && caller.roles.has(place.sessionId);
  }

  canSeeThread(caller: Caller, threadId: string): Promise<boolean> {
    return this.canSee(caller, threadOf(caller.spaceId, threadId));
  }

  /** The node that a thread's project lies on, or null where there is no such thread. */
  async nodeOf(spaceId: SpaceId, threadId: string): Promise<NodeId | null> {
    return (await this.#placeOf(threadOf(spaceId, threadId)))?.nodeId ?? null;
  }

  /** null where nothing tells: then nobody sees it. */
  async #placeOf({ spaceId, aggregateKind, streamId }: Stream): Promise<Place | null> {
    const key = `${spaceId}/${aggregateKind}/${streamId}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = await this.#ask(spaceId, aggregateKind, streamId);
    if (place !== null) {
      if (this.#places.size >= KNOWN_STREAMS_MAX) this.#places.clear();
      this.#places.set(key, place);
    }
    return place;
  }

  async #ask(spaceId: SpaceId, kind: "project" | "thread", streamId: string): Promise<Place | null> {
    const [row] = await this.#store.read(placeOf[kind](this.#store.dialect, { spaceId, streamId }));
    return row === undefined ? null : { sessionId: row.session_id, nodeId: row.node_id };
  }
}

const threadOf = (spaceId: SpaceId, streamId: string): Stream => ({ spaceId, aggregateKind: "thread", streamId });
