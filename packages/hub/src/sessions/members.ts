// Who belongs to a session, and the changes of it. A session that is not closed always has an active owner who is a
// person: whatever would take the last one away is refused, also when two go at once. The command line's service keeps
// its membership: it is the way back in for whoever runs the hub.
import {
  type MembershipState,
  MusterError,
  type NodeId,
  type PrincipalId,
  type Role,
  SESSION_PARTICIPANTS_MAX,
  type SessionId,
  type SessionMember,
} from "@muster/contracts";
import { isoTime } from "@muster/core";
import type { Statement } from "@muster/store";
import { audited } from "../identity/index.ts";
import type { Caller, Sessions } from "../ports.ts";
import { revokeInvitesBy } from "./invite-statements.ts";
import type { SessionsOptions } from "./options.ts";
import { actingAs, type Facts, newsOfNodes, proveOwner, settle } from "./settle.ts";
import {
  activeOwners,
  type MemberRow,
  memberOf,
  membersOf,
  nodesOfMembers,
  participantCount,
  updateMember,
} from "./statements.ts";

export async function listMembers(
  { store }: SessionsOptions,
  caller: Caller,
  { sessionId }: { readonly sessionId: SessionId },
): Promise<SessionMember[]> {
  if (!caller.roles.has(sessionId)) throw new MusterError("session_not_found");
  const { spaceId } = caller;
  const [rows, nodes] = await store.readTransaction([
    membersOf(store.dialect, { spaceId, sessionId }),
    nodesOfMembers(store.dialect, { spaceId, sessionId }),
  ]);
  const owned = Map.groupBy(nodes, (node) => node.participant_id);
  return rows.map((row) => toMember(row, owned.get(row.participant_id) ?? []));
}

export async function setMember(
  options: SessionsOptions,
  caller: Caller,
  { sessionId, participantId, role, state }: Parameters<Sessions["setMember"]>[1],
): Promise<SessionMember> {
  const { store } = options;
  const { spaceId } = caller;
  await settle(store, async (facts) => {
    await proveOwner(options, facts, caller, sessionId);
    const [member] = await facts.read(memberOf(store.dialect, { spaceId, sessionId, participantId }));
    if (member === undefined) throw new MusterError("member_not_found");
    const wanted = { role: role ?? member.role, state: state ?? member.state };
    if (wanted.role === member.role && wanted.state === member.state) return { statements: [], answer: undefined };
    if (member.kind === "service" && isActiveOwner(member) && !isActiveOwner(wanted))
      throw new MusterError("member_is_service");
    if (member.state === "revoked" && wanted.state !== "revoked") await proveRoom(options, facts, spaceId, sessionId);
    const change = { sessionId, member, ...wanted, action: "member.changed" as const };
    const announcements = await newsOfNodes(options, spaceId, sessionId);
    return { statements: await changed(options, facts, caller, [change]), announcements, answer: undefined };
  });
  const [[member], nodes] = await store.readTransaction([
    memberOf(store.dialect, { spaceId, sessionId, participantId }),
    nodesOfMembers(store.dialect, { spaceId, sessionId }),
  ]);
  if (member === undefined) throw new MusterError("member_not_found");
  return toMember(
    member,
    nodes.filter((node) => node.participant_id === participantId),
  );
}

export async function leave(
  options: SessionsOptions,
  caller: Caller,
  { sessionId }: { readonly sessionId: SessionId },
): Promise<void> {
  const { store, identity } = options;
  const { spaceId } = caller;
  await settle(store, async (facts) => {
    const members: MemberRow[] = [];
    for (const participantId of actingAs(identity, caller)) {
      const [member] = await facts.read(memberOf(store.dialect, { spaceId, sessionId, participantId }));
      if (member?.state === "active") members.push(member);
    }
    if (members.length === 0) throw new MusterError("session_not_found");
    const leaving = members.filter(({ kind }) => kind !== "service");
    if (leaving.length === 0) throw new MusterError("member_is_service");
    const changes = leaving.map((member) => {
      const { role } = member;
      return { sessionId, member, role, state: "revoked" as const, action: "member.left" as const };
    });
    const announcements = await newsOfNodes(options, spaceId, sessionId);
    return { statements: await changed(options, facts, caller, changes), announcements, answer: undefined };
  });
}

const isActiveOwner = ({ role, state }: { readonly role: Role; readonly state: MembershipState }): boolean =>
  role === "owner" && state === "active";

interface MemberChange {
  readonly sessionId: SessionId;
  readonly member: MemberRow;
  readonly role: Role;
  readonly state: MembershipState;
  readonly action: "member.changed" | "member.left";
}

/** Throws `last_owner`. Who stops to be an owner takes the invites along that nobody has used yet. */
async function changed(
  { store, ids, clock }: SessionsOptions,
  facts: Facts,
  caller: Caller,
  changes: readonly MemberChange[],
): Promise<readonly Statement[]> {
  const { spaceId, principalId: actorId } = caller;
  const { dialect } = store;
  const at = isoTime(clock.now());
  const statements: Statement[] = [];
  const leavingOwners = new Set<PrincipalId>();
  for (const { sessionId, member, role, state, action } of changes) {
    const participantId = member.participant_id;
    const isOwner = isActiveOwner({ role, state });
    const wasOwner = isActiveOwner(member);
    if (wasOwner && !isOwner) {
      leavingOwners.add(participantId);
      const owners = await facts.read(activeOwners(dialect, { spaceId, sessionId }));
      // A service never counts: whom it stands for must be a member as a person.
      if (member.kind === "human" && owners.every((owner) => leavingOwners.has(owner.participant_id)))
        throw new MusterError("last_owner");
      statements.push(revokeInvitesBy(dialect, { spaceId, sessionId, issuedBy: participantId, now: at }));
    }
    const details = {
      session: sessionId,
      role: role === member.role ? role : `${member.role} to ${role}`,
      state: state === member.state ? state : `${member.state} to ${state}`,
    };
    statements.push(
      updateMember(dialect, { spaceId, sessionId, participantId, role, state, now: at }, { expectChanges: 1 }),
      ...audited({ dialect, ids }, { spaceId, at, actorId, action, subject: participantId, details }),
    );
  }
  return statements;
}

async function proveRoom(
  { store }: SessionsOptions,
  facts: Facts,
  spaceId: Caller["spaceId"],
  sessionId: SessionId,
): Promise<void> {
  const [found] = await facts.read(participantCount(store.dialect, { spaceId, sessionId }));
  const current = found?.count ?? 0;
  if (current < SESSION_PARTICIPANTS_MAX) return;
  throw new MusterError("resource.limit_exceeded", undefined, {
    resource: "participants",
    limit: SESSION_PARTICIPANTS_MAX,
    current,
  });
}

const toMember = (row: MemberRow, nodes: readonly { readonly node_id: NodeId }[]): SessionMember => ({
  participantId: row.participant_id,
  kind: row.kind,
  displayName: row.display_name,
  role: row.role,
  state: row.state,
  joinedAt: row.created_at,
  updatedAt: row.updated_at,
  nodeIds: nodes.map((node) => node.node_id),
});
