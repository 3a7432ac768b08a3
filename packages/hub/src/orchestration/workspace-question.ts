// Before a project gets a folder, its node is asked whether it can work there, so that a person hears of a missing or
// forbidden folder at once and not at the first turn. A node that is away or does not answer is not waited for: it
// checks again by itself before every turn.
import type { ClientCommand, CommandId, NodeId, ProjectId, SessionId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { integer, pick, type Store, select, text } from "@muster/store";
import { CONTRIBUTES } from "../nodes/index.ts";
import type { Caller, NodeConnections } from "../ports.ts";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";

const ANSWER_TIMEOUT_MS = 2_000;
const WRITING_ROLES: ReadonlySet<string> = new Set(["owner", "collaborator", "runtime_contributor"]);
const REFUSALS: ReadonlySet<string> = new Set(["workspace_not_allowed", "workspace_unavailable"]);

interface Place {
  readonly sessionId: SessionId;
  readonly nodeId: NodeId;
  readonly path: string;
}

const projectOf = select({
  request: { ...ofSpace, projectId: text<ProjectId>() },
  row: pick(HUB_TABLES.projection_projects, "session_id", "node_id"),
  sql: "SELECT session_id, node_id FROM projection_projects WHERE space_id = :spaceId AND project_id = :projectId",
});

/** Of a node whose owner may contribute it to the session. */
const openSlot = select({
  request: { ...ofSpace, nodeId: text<NodeId>(), sessionId: text<SessionId>() },
  row: { one: integer() },
  sql: `SELECT 1 AS one FROM runtime_node_attachments slot
    JOIN sessions session ON session.space_id = slot.space_id AND session.session_id = slot.session_id
    JOIN nodes node ON node.space_id = slot.space_id AND node.node_id = slot.node_id
    WHERE slot.space_id = :spaceId AND slot.node_id = :nodeId AND slot.session_id = :sessionId
      AND slot.state IN ('registering', 'online', 'degraded') AND ${CONTRIBUTES} = 1`,
});

const receiptUse = select({
  request: { ...ofSpace, commandId: text<CommandId>() },
  row: { one: integer() },
  sql: "SELECT 1 AS one FROM orchestration_command_receipts WHERE space_id = :spaceId AND command_id = :commandId",
});

/** Throws what the node answers: `workspace_not_allowed` or `workspace_unavailable`. Leaves no receipt. */
export async function askForWorkspace(
  { store, connections }: { readonly store: Store; readonly connections: NodeConnections },
  caller: Caller,
  command: ClientCommand,
): Promise<void> {
  const place = await placeOf(store, caller, command);
  if (place === null || !WRITING_ROLES.has(caller.roles.get(place.sessionId) ?? "")) return;
  if (!connections.isConnected(caller.spaceId, place.nodeId)) return;
  // Only of a node that is lent to the caller's own session may anything be learned, and a repeated command has its answer already.
  if (!(await isAttached(store, caller, place)) || (await hasReceipt(store, caller, command))) return;
  try {
    await connections.request(
      caller.spaceId,
      place.nodeId,
      { method: "workspace.check", path: place.path },
      { timeoutMs: ANSWER_TIMEOUT_MS },
    );
  } catch (error) {
    if (error instanceof MusterError && REFUSALS.has(error.code)) throw error;
  }
}

async function placeOf(store: Store, caller: Caller, command: ClientCommand): Promise<Place | null> {
  if (command.type === "project.create")
    return { sessionId: command.sessionId, nodeId: command.nodeId, path: command.workspaceRoot };
  if (command.type !== "project.meta.update" || command.workspaceRoot === undefined) return null;
  const { projectId, workspaceRoot: path } = command;
  const [row] = await store.read(projectOf(store.dialect, { spaceId: caller.spaceId, projectId }));
  return row === undefined ? null : { sessionId: row.session_id, nodeId: row.node_id, path };
}

const isAttached = async (store: Store, { spaceId }: Caller, { sessionId, nodeId }: Place): Promise<boolean> =>
  (await store.read(openSlot(store.dialect, { spaceId, nodeId, sessionId }))).length > 0;

const hasReceipt = async (store: Store, { spaceId }: Caller, { commandId }: ClientCommand): Promise<boolean> =>
  (await store.read(receiptUse(store.dialect, { spaceId, commandId }))).length > 0;
