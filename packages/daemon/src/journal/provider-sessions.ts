// The agents' processes as the disk knows them: which conversation each had, and which process groups to end when the
// daemon was killed. One row per started process; the newest of a thread says how its conversation can be taken up.
import type { ProviderSessionId, ThreadId } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import type { Statement, Store } from "@muster/store";
import { z } from "zod";
import type { ProcessGroupRecord } from "../processes/index.ts";
import { SESSIONS_KEPT_MS } from "./limits.ts";

const RuntimePayload = z.object({
  cwd: z.string(),
  processGroups: z.array(z.object({ processGroupId: z.int(), processStartTime: z.string() })),
});
const ResumeCursor = z.object({ providerThreadId: z.string() });

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
  }): Statement {
    const { providerSessionId, threadId, providerName, adapterKey, cwd } = session;
    return {
      sql: `INSERT INTO provider_session_runtime
              (provider_session_id, thread_id, provider_name, adapter_key, provider_thread_id, status, last_seen_at, resume_cursor_json, runtime_payload_json)
            VALUES (?, ?, ?, ?, NULL, 'starting', ?, NULL, ?)`,
      parameters: [
        providerSessionId,
        threadId,
        providerName,
        adapterKey,
        this.#now(),
        JSON.stringify({ cwd, processGroups: [] }),
      ],
    };
  }

  /** The groups that are alive now; an empty list when the last one is gone. */
  processGroups(providerSessionId: ProviderSessionId, groups: readonly ProcessGroupRecord[]): Statement {
    const records = groups.map(({ processGroupId, processStartTime }) => ({ processGroupId, processStartTime }));
    return {
      sql: "UPDATE provider_session_runtime SET runtime_payload_json = json_set(runtime_payload_json, '$.processGroups', json(?)), last_seen_at = ? WHERE provider_session_id = ?",
      parameters: [JSON.stringify(records), this.#now(), providerSessionId],
    };
  }

  /** The agent named its conversation. The cursor is kept only where the agent can take it up again. */
  running(providerSessionId: ProviderSessionId, providerThreadId: string, canLoad: boolean): Statement {
    return {
      sql: "UPDATE provider_session_runtime SET status = 'running', provider_thread_id = ?, resume_cursor_json = ?, last_seen_at = ? WHERE provider_session_id = ?",
      parameters: [
        providerThreadId,
        canLoad ? JSON.stringify({ providerThreadId }) : null,
        this.#now(),
        providerSessionId,
      ],
    };
  }

  ended(providerSessionId: ProviderSessionId, status: "stopped" | "error"): Statement {
    return {
      sql: "UPDATE provider_session_runtime SET status = ?, last_seen_at = ? WHERE provider_session_id = ?",
      parameters: [status, this.#now(), providerSessionId],
    };
  }

  /** The thread's conversation is never taken up again: it was reverted. */
  forget(threadId: ThreadId): Statement {
    return {
      sql: "UPDATE provider_session_runtime SET resume_cursor_json = NULL WHERE thread_id = ?",
      parameters: [threadId],
    };
  }

  /** The conversation to take up for the thread, if its last session was of that agent and can be loaded. */
  async resumeOf(threadId: ThreadId, providerName: string): Promise<{ providerThreadId: string } | null> {
    const [row] = await this.#store.read({
      sql: `SELECT provider_name, resume_cursor_json FROM provider_session_runtime
             WHERE thread_id = ? AND provider_thread_id IS NOT NULL ORDER BY last_seen_at DESC, provider_session_id DESC LIMIT 1`,
      parameters: [threadId],
    });
    const cursor = row?.["resume_cursor_json"];
    if (row?.["provider_name"] !== providerName || typeof cursor !== "string") return null;
    return ResumeCursor.parse(JSON.parse(cursor));
  }

  /** Sessions that a daemon which is gone left open, with the groups to end. */
  async leftovers(): Promise<LeftoverSession[]> {
    const rows = await this.#store.read({
      sql: "SELECT provider_session_id, runtime_payload_json FROM provider_session_runtime WHERE status IN ('starting', 'running') OR json_array_length(runtime_payload_json, '$.processGroups') > 0",
      parameters: [],
    });
    return rows.map((row) => ({
      providerSessionId: String(row["provider_session_id"]) as ProviderSessionId,
      processGroups: RuntimePayload.parse(JSON.parse(String(row["runtime_payload_json"]))).processGroups,
    }));
  }

  prune(): Statement {
    return {
      sql: "DELETE FROM provider_session_runtime WHERE status IN ('stopped', 'error') AND last_seen_at < ?",
      parameters: [isoTime(this.#clock.now() - SESSIONS_KEPT_MS)],
    };
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}
