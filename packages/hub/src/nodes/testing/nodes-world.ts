// Nodes over a real database with people and sessions, a clock that stands until it is moved, and every table as it is, so
// that a test can say that nothing changed.
import type { NodeId, NodeSummary, PrincipalId, Role, SessionId, SpaceId } from "@muster/contracts";
import { createIds, isoTime } from "@muster/core";
import type { Row } from "@muster/store";
import { type Opened, openTestIdentity, random } from "../../identity/testing/opened.ts";
import type { NodeCaller } from "../../ports.ts";
import { createNodes, type NodesOptions, type SweepingNodes } from "../index.ts";

export const NODE = "node-1" as NodeId;
/** A public key that no other number has. */
export const keyOfNumber = (number: number): string => Buffer.alloc(32, number).toString("base64");

const TABLES = [
  "sessions",
  "session_memberships",
  "nodes",
  "runtime_node_attachments",
  "runtime_node_attachment_log",
  "runtime_node_presence",
  "audit_log",
] as const;

export interface NodesWorld {
  readonly opened: Opened;
  readonly nodes: SweepingNodes;
  readonly spaceId: SpaceId;
  readonly ownerId: PrincipalId;
  readonly sessionId: SessionId;
  /** The owner of the space. */
  readonly owner: NodeCaller;
  /** What was told to feeds. */
  readonly told: NodeSummary[];
  /** Nodes whose sockets were to be looked at. */
  readonly changed: NodeId[];
  addSession(sessionId: string): Promise<SessionId>;
  /** A person with a role in a session, and the caller that speaks for its nodes. */
  addPerson(name: string, role?: Role | null, sessionId?: SessionId): Promise<NodeCaller>;
  enrol(nodeId: string, caller?: NodeCaller): Promise<NodeId>;
  hello(more?: Partial<Parameters<SweepingNodes["connected"]>[0]>): ReturnType<SweepingNodes["connected"]>;
  attach(
    more?: Partial<Parameters<SweepingNodes["attach"]>[1]>,
    caller?: NodeCaller,
  ): ReturnType<SweepingNodes["attach"]>;
  /** The node's slot in the session; undefined where it never had one. */
  slot(nodeId?: NodeId, sessionId?: SessionId): Promise<NodeSummary | undefined>;
  rows(table: string): Promise<readonly Row[]>;
  /** Every row of every table that concerns nodes, as text. */
  dump(): Promise<string>;
  close(): Promise<void>;
}

export const openNodesWorld = async (options: Partial<NodesOptions> = {}): Promise<NodesWorld> => {
  const opened = await openTestIdentity();
  const { spaceId, ownerId } = opened.identity;
  const told: NodeSummary[] = [];
  const changed: NodeId[] = [];
  const nodes = createNodes({
    store: opened.store,
    clock: opened.clock,
    ids: createIds(opened.clock, random),
    hubId: "hub-1",
    hubPrincipalId: opened.identity.cliPrincipalId,
    onPresence: (_space, some) => told.push(...some),
    onSlotChanged: (_space, nodeId) => changed.push(nodeId),
    onBug: (error) => {
      throw error;
    },
    sweepIntervalMs: null,
    ...options,
  });
  const [space] = await opened.query("SELECT default_session_id FROM spaces");
  const sessionId = space?.["default_session_id"] as SessionId;
  const owner: NodeCaller = { spaceId, ownerId, actorId: ownerId };
  const now = () => isoTime(opened.clock.now());
  const capabilities = { hostname: "box", providers: [] };
  let keys = 10;
  const rows = (table: string) => opened.query(`SELECT * FROM ${table} ORDER BY 1, 2, 3`);
  const world: NodesWorld = {
    opened,
    nodes,
    spaceId,
    ownerId,
    sessionId,
    owner,
    told,
    changed,
    addSession: async (id) => {
      await opened.run(
        "INSERT INTO sessions (space_id, session_id, title, state, min_client_version, created_at, updated_at) VALUES (?, ?, ?, 'active', NULL, ?, ?)",
        ...[spaceId, id, id, now(), now()],
      );
      await opened.run(
        "INSERT INTO session_memberships (space_id, session_id, participant_id, role, state, created_at, updated_at) VALUES (?, ?, ?, 'owner', 'active', ?, ?)",
        ...[spaceId, id, ownerId, now(), now()],
      );
      return id as SessionId;
    },
    addPerson: async (name, role = "runtime_contributor", session = sessionId) => {
      const id = name as PrincipalId;
      await opened.run(
        "INSERT INTO principals (space_id, principal_id, kind, display_name, created_at, disabled_at) VALUES (?, ?, 'human', ?, ?, NULL)",
        ...[spaceId, id, name, now()],
      );
      if (role !== null)
        await opened.run(
          "INSERT INTO session_memberships (space_id, session_id, participant_id, role, state, created_at, updated_at) VALUES (?, ?, ?, ?, 'active', ?, ?)",
          ...[spaceId, session, id, role, now(), now()],
        );
      return { spaceId, ownerId: id, actorId: id };
    },
    enrol: async (nodeId, caller = owner) => {
      keys += 1;
      const id = nodeId as NodeId;
      await nodes.enrol({ spaceId, nodeId: id, ownerId: caller.ownerId, publicKey: keyOfNumber(keys) });
      return id;
    },
    hello: (more = {}) =>
      nodes.connected({
        spaceId,
        nodeId: NODE,
        incarnation: "process-1",
        connectionId: "c1",
        clientVersion: "0.1.0",
        capabilities,
        ...more,
      }),
    attach: (more = {}, caller = owner) =>
      nodes.attach(caller, {
        sessionId,
        nodeId: NODE,
        clientVersion: "0.1.0",
        capabilities,
        healthState: "online",
        ...more,
      }),
    slot: async (nodeId = NODE, session = sessionId) =>
      (await nodes.list(spaceId, [session])).find((found) => found.nodeId === nodeId),
    rows,
    dump: async () => JSON.stringify(await Promise.all(TABLES.map(async (table) => [table, await rows(table)]))),
    close: async () => {
      await nodes.close();
      await opened.close();
    },
  };
  await world.enrol(NODE);
  return world;
};
