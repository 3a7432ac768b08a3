// Invites: made and revoked by owners, used once. The secret leaves this folder in the answer that makes it; what is
// stored and compared is its SHA-256.
import { INVITES_PER_HOUR_MAX, type Invite, MusterError } from "@muster/contracts";
import { isoTime } from "@muster/core";
import { type AuditAction, audited, createToken, hashToken, shown } from "../identity/index.ts";
import type { Caller, Invites } from "../ports.ts";
import { type InviteRow, inviteOf, invitesOf, issueInvite, recentInvites, revokeInvite } from "./invite-statements.ts";
import { INVITES_WINDOW_MS } from "./limits.ts";
import type { SessionsOptions } from "./options.ts";
import { redeem } from "./redemption.ts";
import { Facts, proveOwner, settle } from "./settle.ts";

type Input<Name extends "create" | "list" | "revoke"> = Parameters<Invites[Name]>[1];

export const createInvites = (options: SessionsOptions): Invites => new StoredInvites(options);

class StoredInvites implements Invites {
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  async create(caller: Caller, { sessionId, role, expiresInHours }: Input<"create">) {
    const { store, clock, ids, random, identity } = this.#options;
    const { dialect } = store;
    const { spaceId } = caller;
    const token = createToken(random);
    const inviteId = ids.next();
    const issuedBy = identity.standsFor(caller);
    await settle(store, async (facts) => {
      const { isArchived } = await proveOwner(this.#options, facts, caller, sessionId);
      if (isArchived) throw new MusterError("session_archived");
      const now = clock.now();
      const since = isoTime(now - INVITES_WINDOW_MS);
      const expiresAt = isoTime(now + expiresInHours * 60 * 60 * 1_000);
      const window = { spaceId, sessionId, since, most: INVITES_PER_HOUR_MAX };
      // Not one of the guards: those who only compete for the same limit need no second try.
      const recent = await store.read(recentInvites(dialect, window));
      const oldest = recent[INVITES_PER_HOUR_MAX - 1];
      if (oldest !== undefined) {
        const waitMs = Date.parse(oldest.created_at) + INVITES_WINDOW_MS - now;
        throw new MusterError("rate_limited", "The session has had its invites for this hour.", {
          limit: INVITES_PER_HOUR_MAX,
          retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)),
        });
      }
      const issued = { inviteId, tokenHash: hashToken(token), role, issuedBy, now: isoTime(now), expiresAt };
      const details = { session: sessionId, role, expiresAt, token: shown(hashToken(token)) };
      return {
        statements: [
          issueInvite(dialect, { ...window, ...issued }, { expectChanges: 1 }),
          ...this.#audited(caller, "invite.created", inviteId, details),
        ],
        answer: undefined,
      };
    });
    const [row] = await store.read(inviteOf(dialect, { spaceId, sessionId, inviteId }));
    if (row === undefined) throw new MusterError("invite_not_found");
    return { invite: this.#toInvite(row), token };
  }

  async list(caller: Caller, { sessionId }: Input<"list">): Promise<Invite[]> {
    const { store } = this.#options;
    await proveOwner(this.#options, new Facts(store), caller, sessionId);
    const rows = await store.read(invitesOf(store.dialect, { spaceId: caller.spaceId, sessionId }));
    return rows.map((row) => this.#toInvite(row));
  }

  async revoke(caller: Caller, { sessionId, inviteId }: Input<"revoke">): Promise<Invite> {
    const { store, clock } = this.#options;
    const { spaceId } = caller;
    const of = { spaceId, sessionId, inviteId };
    await settle(store, async (facts) => {
      await proveOwner(this.#options, facts, caller, sessionId);
      const [row] = await facts.read(inviteOf(store.dialect, of));
      if (row === undefined) throw new MusterError("invite_not_found");
      if (row.state === "redeemed") throw new MusterError("invite_used");
      if (row.state === "revoked") return { statements: [], answer: undefined };
      const now = isoTime(clock.now());
      return {
        statements: [
          revokeInvite(store.dialect, { ...of, now }, { expectChanges: 1 }),
          ...this.#audited(caller, "invite.revoked", inviteId, { session: sessionId, role: row.role }),
        ],
        answer: undefined,
      };
    });
    const [row] = await store.read(inviteOf(store.dialect, of));
    if (row === undefined) throw new MusterError("invite_not_found");
    return this.#toInvite(row);
  }

  redeem(input: Parameters<Invites["redeem"]>[0]): ReturnType<Invites["redeem"]> {
    return redeem(this.#options, input);
  }

  #audited(caller: Caller, action: AuditAction, subject: string, details: Readonly<Record<string, string>>) {
    const { store, ids, clock } = this.#options;
    const { spaceId, principalId: actorId } = caller;
    const at = isoTime(clock.now());
    return audited({ dialect: store.dialect, ids }, { spaceId, at, actorId, action, subject, details });
  }

  #toInvite(row: InviteRow): Invite {
    const isOver = row.state === "pending" && row.expires_at <= isoTime(this.#options.clock.now());
    return {
      inviteId: row.invite_id,
      sessionId: row.session_id,
      role: row.role,
      state: isOver ? "expired" : row.state,
      issuedBy: row.issued_by,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      redeemedBy: row.redeemed_by,
      settledAt: row.settled_at,
    };
  }
}
