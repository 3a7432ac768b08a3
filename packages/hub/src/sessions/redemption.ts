// An invite becomes a member: principal, membership, token, and where a machine comes along its enrolment and slot, in the
// one commit that spends the invite. Whoever is refused leaves nothing behind, and the invite as it was.
import {
  joinSigningInput,
  MusterError,
  type PrincipalId,
  type Role,
  SESSION_NODES_MAX,
  SESSION_PARTICIPANTS_MAX,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { isoTime } from "@muster/core";
import { type Statement, StoreError } from "@muster/store";
import { audited, COOKIE_TTL_MS, createToken, hashToken, insertMember, insertToken, shown } from "../identity/index.ts";
import { isSignedBy } from "../node-key.ts";
import { isActiveElsewhere } from "../nodes/index.ts";
import type { Invites } from "../ports.ts";
import { type InviteByToken, inviteByToken, roomIn, spendInvite } from "./invite-statements.ts";
import { type Act, joinNode } from "./joining-node.ts";
import { REDEEM_ATTEMPTS } from "./limits.ts";
import type { SessionsOptions } from "./options.ts";

type Input = Parameters<Invites["redeem"]>[0];
type Answer = Awaited<ReturnType<Invites["redeem"]>>;

/** Roles whose nodes may have slots. */
const CONTRIBUTING: ReadonlySet<Role> = new Set(["owner", "runtime_contributor"]);
const NO_NODE = "";

export async function redeem(options: SessionsOptions, input: Input): Promise<Answer> {
  proveNode(input);
  for (let attempt = 1; attempt <= REDEEM_ATTEMPTS; attempt += 1) {
    const answer = await redeemOnce(options, input, attempt === REDEEM_ATTEMPTS);
    if (answer === null) continue;
    if (input.node !== undefined) options.onNodesChanged?.(answer.spaceId, answer.sessionId);
    return answer;
  }
  throw new MusterError("concurrency_conflict");
}

/** Before anything is looked up: who does not hold the key learns nothing about the node. */
function proveNode({ token, node }: Input): void {
  if (node === undefined) return;
  const { nodeId, publicKey, signature } = node;
  if (isSignedBy({ publicKey, signature, text: joinSigningInput({ token, nodeId }) })) return;
  throw new MusterError("runtimenode.permission_denied");
}

/** Null where something it rested on changed meanwhile: then the next look says what. */
async function redeemOnce(options: SessionsOptions, input: Input, isLast: boolean): Promise<Answer | null> {
  const { store, clock, ids, random } = options;
  const { dialect } = store;
  const now = isoTime(clock.now());
  const tokenHash = hashToken(input.token);
  const invite = proveInvite((await store.read(inviteByToken(dialect, { tokenHash })))[0], now);
  const { space_id: spaceId, session_id: sessionId, invite_id: inviteId, role } = invite;
  const nodeId = input.node?.nodeId ?? NO_NODE;
  if (input.node !== undefined && !CONTRIBUTING.has(role))
    throw new MusterError("permission_denied", "This invite is for a person: its role may not bring a machine.");
  await proveRoom(options, { spaceId, sessionId, nodeId });

  const principalId = ids.next() as PrincipalId;
  const secret = createToken(random);
  const spent = {
    spaceId,
    sessionId,
    inviteId,
    nodeId,
    redeemedBy: principalId,
    now,
    participantsMax: SESSION_PARTICIPANTS_MAX,
    slotsMax: input.node === undefined ? Number.MAX_SAFE_INTEGER : SESSION_NODES_MAX,
  };
  const act: Act = (action, subject, details) =>
    audited({ dialect, ids }, { spaceId, at: now, actorId: principalId, action, subject, details });
  const member = { principalId, kind: "human", displayName: input.displayName, role } as const;
  const statements: readonly Statement[] = [
    spendInvite(dialect, spent, { expectChanges: 1 }),
    ...insertMember(dialect, { spaceId, sessionId, createdAt: now }, member),
    ...insertToken(dialect, {
      spaceId,
      principalId,
      tokenHash: hashToken(secret),
      kind: input.browser ? "cookie" : "api",
      label: input.browser ? "browser login" : "joined by an invite",
      createdAt: now,
      expiresAt: input.browser ? isoTime(clock.now() + COOKIE_TTL_MS) : null,
    }),
    ...act("invite.redeemed", inviteId, {
      session: sessionId,
      role,
      name: input.displayName,
      token: shown(tokenHash),
    }),
    ...(input.node === undefined
      ? []
      : await joinNode(options, input.node, { spaceId, sessionId, ownerId: principalId, at: now, act })),
  ];
  const { announcement } = options;
  const { node } = input;
  const announcements = announcement === undefined || node === undefined ? [] : [announcement(spaceId, node.nodeId)];
  try {
    const result = await store.commit({ guards: [], statements, announcements });
    if (result.status === "conflict") return null;
  } catch (error) {
    if (isActiveElsewhere(error)) throw new MusterError("runtimenode.attach_conflict");
    // The same machine joined by another invite at this very moment.
    if (error instanceof StoreError && error.code === "constraint_violated" && !isLast) return null;
    throw error;
  }
  const { session_title: sessionTitle } = invite;
  return { spaceId, sessionId, sessionTitle, principalId, role, token: secret, maxAgeSeconds: COOKIE_TTL_MS / 1_000 };
}

function proveInvite(invite: InviteByToken | undefined, now: string): InviteByToken {
  if (invite === undefined) throw new MusterError("invite_invalid");
  if (invite.state === "redeemed") throw new MusterError("invite_used");
  if (invite.state === "revoked" || invite.session_state === "closed") throw new MusterError("invite_revoked");
  if (invite.expires_at <= now) throw new MusterError("invite_expired");
  if (invite.session_state === "archived") throw new MusterError("session_archived");
  return invite;
}

async function proveRoom(
  { store }: SessionsOptions,
  where: { readonly spaceId: SpaceId; readonly sessionId: SessionId; readonly nodeId: string },
): Promise<void> {
  const [room] = await store.read(roomIn(store.dialect, where));
  const refuse = (resource: string, limit: number, current: number): never => {
    throw new MusterError("resource.limit_exceeded", undefined, { resource, limit, current });
  };
  if (room === undefined) throw new MusterError("invite_revoked");
  if (room.participants >= SESSION_PARTICIPANTS_MAX)
    refuse("participants", SESSION_PARTICIPANTS_MAX, room.participants);
  if (where.nodeId !== NO_NODE && room.slots >= SESSION_NODES_MAX) refuse("nodes", SESSION_NODES_MAX, room.slots);
}
