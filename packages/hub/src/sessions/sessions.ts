// Sessions: opened, renamed, archived, closed, and their floor. Every change is decided on what the commit proves again,
// the caller's own role first, and is in the audit log. Members are in members.ts.
import {
  MusterError,
  SESSIONS_OF_PRINCIPAL_MAX,
  type SessionId,
  type SessionMember,
  type SessionState,
  type SessionSummary,
} from "@muster/contracts";
import { isoTime } from "@muster/core";
import { insertInto, type Statement } from "@muster/store";
import { type AuditAction, audited } from "../identity/index.ts";
import { activeSlotsIn, endSlots } from "../nodes/index.ts";
import type { Caller, Sessions } from "../ports.ts";
import { HUB_TABLES } from "../schema/index.ts";
import { isLowered, readFloor } from "./floor.ts";
import { revokeInvitesOfSession } from "./invite-statements.ts";
import { leave, listMembers, setMember } from "./members.ts";
import type { SessionsOptions } from "./options.ts";
import { newsOfNodes, proveOwner, settle } from "./settle.ts";
import {
  type CountedSession,
  foundMembership,
  sessionOf,
  sessionsOfPrincipal,
  sessionsWithCounts,
  updateFloor,
  updateSession,
} from "./statements.ts";

type Input<Name extends keyof Sessions> = Parameters<Sessions[Name]>[1];

export const createSessions = (options: SessionsOptions): Sessions => new StoredSessions(options);

const ACT_OF: Readonly<Record<SessionState, AuditAction>> = {
  active: "session.reopened",
  archived: "session.archived",
  closed: "session.closed",
};

class StoredSessions implements Sessions {
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  async list(caller: Caller): Promise<SessionSummary[]> {
    const rows = await this.#read(caller, [...caller.roles.keys()]);
    return rows.map((row) => summaryOf(caller, row));
  }

  async get(caller: Caller, { sessionId }: Input<"get">): Promise<SessionSummary> {
    const [row] = caller.roles.has(sessionId) ? await this.#read(caller, [sessionId]) : [];
    if (row === undefined) throw new MusterError("session_not_found");
    return summaryOf(caller, row);
  }

  async create(caller: Caller, { title }: Input<"create">): Promise<SessionSummary> {
    const { store, ids, identity } = this.#options;
    const { dialect } = store;
    const { spaceId } = caller;
    const now = this.#now();
    const sessionId = ids.next() as SessionId;
    const participantId = identity.standsFor(caller);
    const row = { space_id: spaceId, session_id: sessionId, title, state: "active", min_client_version: null } as const;
    const founding = { spaceId, sessionId, participantId, now, max: SESSIONS_OF_PRINCIPAL_MAX };
    const result = await store.commit({
      guards: [],
      statements: [
        ...insertInto(dialect, HUB_TABLES, "sessions", [{ ...row, created_at: now, updated_at: now }]),
        foundMembership(dialect, founding, { expectChanges: 1 }),
        ...this.#audited(caller, now, "session.created", sessionId, { title, owner: participantId }),
      ],
    });
    if (result.status === "conflict") {
      const [found] = await store.read(sessionsOfPrincipal(dialect, { spaceId, participantId }));
      throw new MusterError("resource.limit_exceeded", undefined, {
        resource: "sessions",
        limit: SESSIONS_OF_PRINCIPAL_MAX,
        current: found?.count ?? 0,
      });
    }
    return this.get({ ...caller, roles: new Map([...caller.roles, [sessionId, "owner" as const]]) }, { sessionId });
  }

  async update(caller: Caller, { sessionId, title, state }: Input<"update">): Promise<SessionSummary> {
    const { store, ids } = this.#options;
    const { dialect } = store;
    const { spaceId } = caller;
    const isEnding = state !== undefined && state !== "active";
    const last = await settle(store, async (facts) => {
      await proveOwner(this.#options, facts, caller, sessionId);
      const [session] = await facts.read(sessionOf(dialect, { spaceId, sessionId }));
      if (session === undefined) throw new MusterError("session_not_found");
      if (isEnding && sessionId === caller.defaultSessionId) throw new MusterError("session_default");
      const now = this.#now();
      const wanted = { title: title ?? session.title, state: state ?? session.state };
      const statements: Statement[] = [];
      if (wanted.title !== session.title)
        statements.push(
          ...this.#audited(caller, now, "session.updated", sessionId, { from: session.title, to: wanted.title }),
        );
      if (wanted.state !== session.state)
        statements.push(...this.#audited(caller, now, ACT_OF[wanted.state], sessionId, { from: session.state }));
      if (statements.length > 0)
        statements.unshift(updateSession(dialect, { spaceId, sessionId, ...wanted, now }, { expectChanges: 1 }));
      if (wanted.state === "closed") {
        // Nobody is let into what is over, and no machine is kept there.
        statements.push(revokeInvitesOfSession(dialect, { spaceId, sessionId, now }));
        const slots = await facts.read(activeSlotsIn(dialect, { spaceId, sessionId }));
        statements.push(...endSlots({ dialect, ids }, now, slots));
      }
      const [before] = await this.#read(caller, [sessionId]);
      const announcements = await newsOfNodes(this.#options, spaceId, sessionId);
      return { statements, announcements, answer: before && { ...before, ...wanted, updated_at: now } };
    });
    this.#options.onNodesChanged?.(spaceId, sessionId);
    // Once it is closed nobody can read it, not even who closed it.
    if (last?.state === "closed") return summaryOf(caller, last);
    return this.get(caller, { sessionId });
  }

  async setFloor(caller: Caller, input: Input<"setFloor">): Promise<SessionSummary> {
    const { store } = this.#options;
    const { dialect } = store;
    const { spaceId } = caller;
    const { sessionId, minClientVersion: floor, lower } = input;
    await settle(store, async (facts) => {
      await proveOwner(this.#options, facts, caller, sessionId);
      const [session] = await facts.read(sessionOf(dialect, { spaceId, sessionId }));
      if (session === undefined) throw new MusterError("session_not_found");
      const stored = session.min_client_version;
      const falls = isLowered(stored, floor);
      if (falls && !lower) {
        throw new MusterError("session_floor_lowered", undefined, { from: stored, to: floor });
      }
      if (stored === floor) return { statements: [], answer: undefined };
      const now = this.#now();
      const act = falls ? "session.floor-lowered" : "session.floor-set";
      return {
        statements: [
          updateFloor(dialect, { spaceId, sessionId, floor, now }, { expectChanges: 1 }),
          ...this.#audited(caller, now, act, sessionId, { from: stored ?? "none", to: floor ?? "none" }),
        ],
        announcements: await newsOfNodes(this.#options, spaceId, sessionId),
        answer: undefined,
      };
    });
    this.#options.onNodesChanged?.(spaceId, sessionId);
    return this.get(caller, { sessionId });
  }

  members(caller: Caller, input: Input<"members">): Promise<SessionMember[]> {
    return listMembers(this.#options, caller, input);
  }

  async setMember(caller: Caller, input: Input<"setMember">): Promise<SessionMember> {
    const member = await setMember(this.#options, caller, input);
    this.#options.onNodesChanged?.(caller.spaceId, input.sessionId);
    return member;
  }

  async leave(caller: Caller, input: Input<"leave">): Promise<void> {
    await leave(this.#options, caller, input);
    this.#options.onNodesChanged?.(caller.spaceId, input.sessionId);
  }

  #read(caller: Caller, sessionIds: readonly SessionId[]): Promise<readonly CountedSession[]> {
    const { store } = this.#options;
    return store.read(sessionsWithCounts(store.dialect, { spaceId: caller.spaceId, sessionIds }));
  }

  #audited(
    caller: Caller,
    at: string,
    action: AuditAction,
    subject: SessionId,
    details: Readonly<Record<string, string>>,
  ): readonly Statement[] {
    const { store, ids } = this.#options;
    const { spaceId, principalId: actorId } = caller;
    return audited({ dialect: store.dialect, ids }, { spaceId, at, actorId, action, subject, details });
  }

  #now(): string {
    return isoTime(this.#options.clock.now());
  }
}

const summaryOf = (caller: Caller, row: CountedSession): SessionSummary => {
  const role = caller.roles.get(row.session_id);
  if (role === undefined) throw new MusterError("session_not_found");
  return {
    sessionId: row.session_id,
    title: row.title,
    state: row.state,
    minClientVersion: readFloor(row.min_client_version),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    role,
    isDefault: row.session_id === caller.defaultSessionId,
    memberCount: row.member_count,
    nodeCount: row.node_count,
  };
};
