// Which session a stream belongs to, and so who may see its events. A stream's session never changes, so what is known
// stays known; what is unknown is asked once.
import type { SessionId, SpaceId, WireEvent } from "@muster/contracts";
import type { Store } from "@muster/store";
import type { Caller } from "../ports.ts";
import { query } from "./placeholders.ts";

const KNOWN_STREAMS_MAX = 50_000;

export class Visibility {
  readonly #store: Store;
  readonly #sessions = new Map<string, SessionId>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** The session of an event's stream, or null where nothing tells (then nobody sees it). */
  async sessionOf(
    event: Pick<WireEvent, "spaceId" | "aggregateKind" | "streamId" | "eventType" | "payload">,
  ): Promise<SessionId | null> {
    const key = `${event.spaceId}/${event.aggregateKind}/${event.streamId}`;
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const session = await this.#ask(event.spaceId, event.aggregateKind, event.streamId);
    if (session !== null) {
      if (this.#sessions.size >= KNOWN_STREAMS_MAX) this.#sessions.clear();
      this.#sessions.set(key, session);
    }
    return session;
  }

  async canSee(caller: Caller, event: Parameters<Visibility["sessionOf"]>[0]): Promise<boolean> {
    if (event.spaceId !== caller.spaceId) return false;
    const session = await this.sessionOf(event);
    return session !== null && caller.roles.has(session);
  }

  async canSeeThread(caller: Caller, threadId: string): Promise<boolean> {
    return this.canSee(caller, {
      spaceId: caller.spaceId,
      aggregateKind: "thread",
      streamId: threadId,
      eventType: "",
      payload: {},
    });
  }

  async #ask(spaceId: SpaceId, kind: "project" | "thread", streamId: string): Promise<SessionId | null> {
    const sql =
      kind === "project"
        ? "SELECT session_id FROM projection_projects WHERE space_id = ? AND project_id = ?"
        : `SELECT p.session_id FROM projection_threads t JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
           WHERE t.space_id = ? AND t.thread_id = ?`;
    const rows = await this.#store.read(query(this.#store.dialect, sql, spaceId, streamId));
    return (rows[0]?.["session_id"] as SessionId | undefined) ?? null;
  }
}
