// A machine that comes with its invite: enrolled under its proven key, and given its slot, which waits for the uplink.
// A machine that was here before keeps its key and changes hands only when its former owner is gone from everywhere.
import {
  type JoiningNode,
  MusterError,
  type NodeId,
  type PrincipalId,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { change, insertInto, type Statement, text } from "@muster/store";
import type { AuditAction } from "../identity/index.ts";
import { awaitPresence, logSlot, nodeOf, ofNode, slotInSession, takeSlot } from "../nodes/index.ts";
import { HUB_TABLES } from "../schema/index.ts";
import type { SessionsOptions } from "./options.ts";
import { sessionsOfPrincipal } from "./statements.ts";

/** Says in the audit log what was done. */
export type Act = (
  action: AuditAction,
  subject: string,
  details: Readonly<Record<string, string>>,
) => readonly Statement[];

interface Place {
  readonly spaceId: SpaceId;
  readonly sessionId: SessionId;
  readonly ownerId: PrincipalId;
  readonly at: string;
  readonly act: Act;
}

/** Changes no row where the owner is still an active member of anything that is not closed. */
const takeOverNode = change({
  request: { ...ofNode, ownerId: text<PrincipalId>(), formerOwnerId: text<PrincipalId>(), publicKey: text() },
  sql: `UPDATE nodes SET owner = :ownerId WHERE space_id = :spaceId AND node_id = :nodeId AND owner = :formerOwnerId
    AND public_key = :publicKey AND NOT EXISTS (SELECT m.session_id FROM session_memberships m
      JOIN sessions s ON s.space_id = m.space_id AND s.session_id = m.session_id
      WHERE m.space_id = :spaceId AND m.participant_id = :formerOwnerId AND m.state = 'active' AND s.state <> 'closed')`,
});

/**
 * Throws `runtimenode.permission_denied` for a node that is another's or has another key, `runtimenode.attach_revoked`.
 * What changes in between makes the commit fail.
 */
export async function joinNode(
  { store, ids }: SessionsOptions,
  node: JoiningNode,
  { spaceId, sessionId, ownerId, at, act }: Place,
): Promise<readonly Statement[]> {
  const { dialect } = store;
  const { nodeId, publicKey } = node;
  const [[enrolled], [slot]] = await store.readTransaction([
    nodeOf(dialect, { spaceId, nodeId }),
    slotInSession(dialect, { spaceId, nodeId, sessionId }),
  ]);
  if (enrolled !== undefined) {
    if (enrolled.public_key !== publicKey) throw new MusterError("runtimenode.permission_denied");
    const [member] = await store.read(sessionsOfPrincipal(dialect, { spaceId, participantId: enrolled.owner }));
    if ((member?.count ?? 0) > 0) throw new MusterError("runtimenode.permission_denied");
  }
  if (slot?.state === "revoked") throw new MusterError("runtimenode.attach_revoked");
  const slotId = slot?.id ?? ids.next();
  const epoch = enrolled?.epoch ?? 0;
  return [
    ...(enrolled === undefined
      ? enrol(dialect, { spaceId, nodeId, ownerId, publicKey, at })
      : [
          takeOverNode(
            dialect,
            { spaceId, nodeId, ownerId, formerOwnerId: enrolled.owner, publicKey },
            { expectChanges: 1 },
          ),
        ]),
    ...act(enrolled === undefined ? "node.enrolled" : "node.owner-changed", nodeId, {
      session: sessionId,
      ...(enrolled === undefined ? {} : { from: enrolled.owner }),
    }),
    takeSlot(
      dialect,
      {
        spaceId,
        slotId,
        nodeId,
        sessionId,
        ownerId,
        epoch,
        at,
        capabilities: JSON.stringify(node.capabilities),
        clientVersion: node.clientVersion,
      },
      { expectChanges: 1 },
    ),
    ...logSlot(dialect, {
      spaceId,
      nodeId,
      logId: ids.next(),
      slot: { id: slotId, session_id: sessionId, participant_id: ownerId },
      action: "attached",
      epoch,
      reason: null,
      at,
    }),
    awaitPresence(dialect, { spaceId, nodeId, at }),
  ];
}

const enrol = (
  dialect: SessionsOptions["store"]["dialect"],
  node: {
    readonly spaceId: SpaceId;
    readonly nodeId: NodeId;
    readonly ownerId: PrincipalId;
    readonly publicKey: string;
    readonly at: string;
  },
): readonly Statement[] =>
  insertInto(dialect, HUB_TABLES, "nodes", [
    {
      space_id: node.spaceId,
      node_id: node.nodeId,
      owner: node.ownerId,
      public_key: node.publicKey,
      archived_keys_json: "[]",
      encryption_key: null,
      epoch: 0,
      incarnation: null,
      created_at: node.at,
    },
  ]);
