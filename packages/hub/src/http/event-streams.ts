// The open event streams of this process: how many there may be, and what ends them besides their reader. A stream
// ends when its credentials or roles changed since it was opened, and when the server closes; then its reader is told.
import type { ServerResponse } from "node:http";
import { MusterError, type PrincipalId } from "@muster/contracts";
import type { Caller, Identity } from "../ports.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpLog } from "./log.ts";

export interface Credentials {
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
}

export type EndReason = "membership" | "stopping";

export interface EventStream {
  /** Aborts when the reader is gone or the stream must end. */
  readonly signal: AbortSignal;
  /** Why it must end; undefined while it may go on, or when only the reader is gone. */
  endReason(): EndReason | undefined;
}

interface Entry {
  readonly caller: Caller;
  readonly credentials: Credentials;
  readonly controller: AbortController;
  reason: EndReason | undefined;
}

const sameRoles = (left: Caller, right: Caller | null): boolean =>
  right !== null &&
  left.principalId === right.principalId &&
  left.roles.size === right.roles.size &&
  [...left.roles].every(([sessionId, role]) => right.roles.get(sessionId) === role);

export class EventStreams {
  readonly #identity: Pick<Identity, "authenticate">;
  readonly #limits: HttpLimits;
  readonly #log: HttpLog;
  readonly #entries = new Set<Entry>();
  readonly #perPrincipal = new Map<PrincipalId, number>();
  #timer: NodeJS.Timeout | undefined;
  #checking = false;
  #closed = false;

  constructor(options: {
    readonly identity: Pick<Identity, "authenticate">;
    readonly limits: HttpLimits;
    readonly log: HttpLog;
  }) {
    this.#identity = options.identity;
    this.#limits = options.limits;
    this.#log = options.log;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Takes a place until the response closes. Throws `rate_limited` when there is none, `unavailable` after `close`. */
  open(options: {
    readonly caller: Caller;
    readonly credentials: Credentials;
    readonly response: ServerResponse;
  }): EventStream {
    if (this.#closed) throw new MusterError("unavailable");
    const { caller, response } = options;
    const mine = this.#perPrincipal.get(caller.principalId) ?? 0;
    this.#refuse(mine >= this.#limits.eventStreamsPerPrincipalMax, this.#limits.eventStreamsPerPrincipalMax);
    this.#refuse(this.#entries.size >= this.#limits.eventStreamsMax, this.#limits.eventStreamsMax);
    const entry: Entry = { ...options, controller: new AbortController(), reason: undefined };
    this.#entries.add(entry);
    this.#perPrincipal.set(caller.principalId, mine + 1);
    this.#timer ??= setInterval(() => void this.#check(), this.#limits.credentialsCheckMs).unref();
    if (response.closed) this.#release(entry);
    else response.once("close", () => this.#release(entry));
    return { signal: entry.controller.signal, endReason: () => entry.reason };
  }

  /** Ends every stream, and lets none be opened any more. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#entries) this.#end(entry, "stopping");
  }

  #refuse(full: boolean, limit: number): void {
    if (full) {
      throw new MusterError("rate_limited", "Too many event streams are open.", { limit, retryAfterSeconds: 5 });
    }
  }

  #end(entry: Entry, reason: EndReason): void {
    entry.reason ??= reason;
    entry.controller.abort();
  }

  #release(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    entry.controller.abort();
    const { principalId } = entry.caller;
    const left = (this.#perPrincipal.get(principalId) ?? 1) - 1;
    if (left > 0) this.#perPrincipal.set(principalId, left);
    else this.#perPrincipal.delete(principalId);
    if (this.#entries.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One look per distinct credential; a store that does not answer ends nothing. */
  async #check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    const answers = new Map<string, Promise<Caller | null>>();
    try {
      for (const entry of [...this.#entries]) {
        const key = JSON.stringify([entry.credentials.authorization, entry.credentials.cookie]);
        const answer = answers.get(key) ?? this.#identity.authenticate(entry.credentials);
        answers.set(key, answer);
        if (!sameRoles(entry.caller, await answer)) this.#end(entry, "membership");
      }
    } catch (error) {
      this.#log.warn({ err: error }, "the credentials of open event streams could not be checked");
    } finally {
      this.#checking = false;
    }
  }
}
