// The agents' processes as the disk knows them: which conversation each had, and which process groups to end when the
// daemon was killed. One row per started process; the newest of a thread says how its conversation can be taken up.
import type { ProviderSessionId, ThreadId } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import { change, insertInto, pick, type Statement, type Store, select, text } from "@muster/store";
import { z } from "zod";
import type { ProcessGroupRecord } from "../processes/index.ts";
import { DAEMON_TABLES } from "../schema/index.ts";
import { SESSIONS_KEPT_MS } from "./limits.ts";

const RuntimePayload = z.object({
  cwd: z.string(),
  processGroups: z.array(z.object({ processGroupId: z.int(), processStartTime: z.string() })),
});
const ResumeCursor = z.object({ providerThreadId: z.string() });

const { provider_session_runtime: sessions } = DAEMON_TABLES;
const ofSession = { providerSessionId: sessions.provider_session_id, at: text() } as const;

const putProcessGroups = change({
  request: { ...ofSession, groups: text() },
  sql: `UPDATE provider_session_runtime
    SET runtime_payload_json = json_set(runtime_payload_json, '$.processGroups', json(:groups)), last_seen_at = :at
    WHERE provider_session_id = :providerSessionId`,
});

const putRunning = change({
  request: { ...ofSession, providerThreadId: text(), resumeCursor: sessions.resume_cursor_json },
  sql: `UPDATE provider_session_runtime
    SET status = 'running', provider_thread_id = :providerThreadId, resume_cursor_json = :resumeCursor, last_seen_at = :at
    WHERE provider_session_id = :providerSessionId`,
});

const putStatus = change({
  request: { ...ofSession, status: sessions.status },
  sql: `UPDATE provider_session_runtime SET status = :status, last_seen_at = :at
    WHERE provider_session_id = :providerSessionId`,
});

const forgetCursors = change({
  request: { threadId: sessions.thread_id },
  sql: "UPDATE provider_session_runtime SET resume_cursor_json = NULL WHERE thread_id = :threadId",
});

const newestOf = select({
  request: { threadId: sessions.thread_id },
  row: pick(sessions, "provider_name", "resume_cursor_json"),
  sql: `SELECT provider_name, resume_cursor_json FROM provider_session_runtime
    WHERE thread_id = :threadId AND provider_thread_id IS NOT NULL
    ORDER BY last_seen_at DESC, provider_session_id DESC LIMIT 1`,
});

const openSessions = select({
  request: {},
  row: pick(sessions, "provider_session_id", "runtime_payload_json"),
  sql: `SELECT provider_session_id, runtime_payload_json FROM provider_session_runtime
    WHERE status IN ('starting', 'running') OR json_array_length(runtime_payload_json, '$.processGroups') > 0`,
});

const deleteEnded = change({
  request: { before: text() },
  sql: "DELETE FROM provider_session_runtime WHERE status IN ('stopped', 'error') AND last_seen_at < :before",
});

export interface LeftoverSession {
  readonly providerSessionId: ProviderSessionId;
  readonly processGroups: readonly ProcessGroupRecord[];
}

export class ProviderSessionLedger {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(options: { readonly store: Store; readonly clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  starting(session: {
    providerSessionId: ProviderSessionId;
    threadId: ThreadId;
    providerName: string;
    adapterKey: string;
    cwd: string;
  }): readonly Statement[] {
    const row = {
      provider_session_id: session.providerSessionId,
      thread_id: session.threadId,
      provider_name: session.providerName,
      adapter_key: session.adapterKey,
      provider_thread_id: null,
      status: "starting" as const,
      last_seen_at: this.#now(),
      resume_cursor_json: null,
      runtime_payload_json: JSON.stringify({ cwd: session.cwd, processGroups: [] }),
    };
    return insertInto("sqlite", DAEMON_TABLES, "provider_session_runtime", [row]);
  }

  /** The groups that are alive now; an empty list when the last one is gone. */
  processGroups(providerSessionId: ProviderSessionId, groups: readonly ProcessGroupRecord[]): Statement {
    const records = groups.map(({ processGroupId, processStartTime }) => ({ processGroupId, processStartTime }));
    return putProcessGroups("sqlite", { providerSessionId, groups: JSON.stringify(records), at: this.#now() });
  }

  /** The agent named its conversation. The cursor is kept only where the agent can take it up again. */
  running(providerSessionId: ProviderSessionId, providerThreadId: string, canLoad: boolean): Statement {
    const resumeCursor = canLoad ? JSON.stringify({ providerThreadId }) : null;
    return putRunning("sqlite", { providerSessionId, providerThreadId, resumeCursor, at: this.#now() });
  }

  ended(providerSessionId: ProviderSessionId, status: "stopped" | "error"): Statement {
    return putStatus("sqlite", { providerSessionId, status, at: this.#now() });
  }

  /** The thread's conversation is never taken up again: it was reverted. */
  forget(threadId: ThreadId): Statement {
    return forgetCursors("sqlite", { threadId });
  }

  /** The conversation to take up for the thread, if its last session was of that agent and can be loaded. */
  async resumeOf(threadId: ThreadId, providerName: string): Promise<{ providerThreadId: string } | null> {
    const [row] = await this.#store.read(newestOf("sqlite", { threadId }));
    if (row?.provider_name !== providerName || row.resume_cursor_json === null) return null;
    return ResumeCursor.parse(JSON.parse(row.resume_cursor_json));
  }

  /** Sessions that a daemon which is gone left open, with the groups to end. */
  async leftovers(): Promise<LeftoverSession[]> {
    const rows = await this.#store.read(openSessions("sqlite", {}));
    return rows.map((row) => ({
      providerSessionId: row.provider_session_id,
      processGroups: RuntimePayload.parse(JSON.parse(row.runtime_payload_json)).processGroups,
    }));
  }

  prune(): Statement {
    return deleteEnded("sqlite", { before: isoTime(this.#clock.now() - SESSIONS_KEPT_MS) });
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}
